"""A home that was written before the package was laid out anew (26 November 2026) opens, shows, and goes on.

`store_before_0_1.zip` holds it as it lay on the disk: two runs, a sweep of two, and a run that was interrupted and left a
checkpoint. All were asked with the commands that the tests repeat.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gi_core.cli import main
from gi_core.jobs.store import Store
from gi_core.settings import build
from tests.pages.opened import text

ROOT = Path(__file__).resolve().parent.parent
DONE, NOISY, PAUSED, SWEEP = "7319d78cfa15", "35f8b6fc43b1", "5a6954ee095a", "7117387961e8"


@pytest.fixture
def home(gi_home) -> Path:
    with zipfile.ZipFile(ROOT / "tests" / "store_before_0_1.zip") as packed:
        packed.extractall(gi_home)
    return gi_home


def within(old: Any, new: Any) -> bool:
    """Whether a document says all that an older one said; it may say more."""
    if isinstance(old, dict):
        return all(name in new and within(value, new[name]) for name, value in old.items())
    if isinstance(old, list):
        return len(old) == len(new) and all(map(within, old, new))
    return old == new


def answered(capsys, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_every_job_is_read_as_it_was_asked(home):
    store = Store()
    runs = store.jobs(kinds=("run",), limit=10)
    assert {DONE: "done", NOISY: "done", PAUSED: "paused"}.items() <= {job.id: job.state for job in runs}.items()
    for job in runs:
        assert within(job.spec, build(job.spec).model_dump(mode="json")), "a setting changed its name or value"
    assert build(store.job(NOISY).spec).defenses[0].std == 0.001
    assert store.job(SWEEP).state == "done" and len(store.jobs(parent=SWEEP, limit=10)) == 2


def test_the_command_line_lists_and_shows_it(home, capsys):
    listed = answered(capsys, "runs", "list")
    assert [run["run_id"] for run in listed] == [PAUSED, NOISY, DONE]
    shown = answered(capsys, "runs", "show", DONE)
    assert f"{shown['result']['metrics']['psnr']:.4f}" == "11.1569"
    assert main(["runs", "list", "--sweep", SWEEP]) == 0
    assert "13.7 dB" in capsys.readouterr().out


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_its_end(home, capsys):
    found = answered(capsys, "attack", "--resume", PAUSED)
    assert found["status"] == "done" and found["iterations"] == 4000
    with np.load(home / "runs" / PAUSED / "reconstruction.npz") as arrays:
        assert arrays["images"].shape == arrays["originals"].shape


@pytest.mark.parametrize(
    ("page", "query", "says"),
    [
        ("lab", {"run": NOISY}, "18.3 dB"),
        ("runs", {}, "paused"),
        ("runs", {"compare": f"{DONE},{NOISY}"}, "0.001"),
        ("sweeps", {"sweep": SWEEP}, "13.7"),
    ],
)
def test_the_pages_show_it(home, page, query, says):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if page != "lab":  # where everyone arrives
        app.run()
        app.switch_page(f"pages/{page}/page.py")
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception
    assert says in text(app)
