"""Fixtures that tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("fuzz", print_blob=True)
hypothesis.settings.load_profile("fuzz" if "GI_FUZZ" in os.environ else "same")
"""A test passes or fails for what the code does, not for what was drawn today; `make fuzz` draws anew."""

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real CIFAR-10 and MNIST pictures beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the pictures in ../shared/data")
    return SHARED


@pytest.fixture
def gi_home(tmp_path, monkeypatch) -> Path:
    """A fresh GI_HOME and GI_DATA."""
    home = tmp_path / "home"
    monkeypatch.setenv("GI_HOME", str(home))
    monkeypatch.setenv("GI_DATA", str(tmp_path / "data"))
    return home


@pytest.fixture
def sixteen_gib(monkeypatch) -> None:
    """A machine of 16 GiB with four batch workers, and nothing set about what jobs may take."""
    from gi_core.jobs import capacity

    for name in [n for n in os.environ if n.startswith("GI_") and n.endswith(("_MB", "_SECONDS"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 16 * 2**30)
    monkeypatch.setattr(capacity, "batch_workers", lambda: 4)


@pytest.fixture
def store(gi_home, monkeypatch):
    """The store that pages read; no worker is started."""
    from gi_core.jobs.store import Store
    from pages.shared import session
    from tests.pages.opened import Still

    monkeypatch.setattr(session, "Dispatcher", Still)
    session.dispatcher.clear()
    session._store.clear()
    yield Store()
    session._store.clear()
    session.dispatcher.clear()


@pytest.fixture(autouse=True)
def navigation(monkeypatch):
    """AppTest runs the app as the server does (`app.py`): pages/ holds rooms, not pages of Streamlit's old kind."""
    if "streamlit.testing.v1" in sys.modules:
        from streamlit.runtime.pages_manager import PagesManager

        made = PagesManager.__init__

        def init(self, *given, **named):
            PagesManager.uses_pages_directory = False
            made(self, *given, **named)

        monkeypatch.setattr(PagesManager, "__init__", init)
