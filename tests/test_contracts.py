"""The direction of the imports: the contracts in pyproject.toml are kept, and would tell if they were not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.copies import copied


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the linter says of the tree in that folder."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip


def test_imports_run_one_way():
    done = contracts(ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


@pytest.mark.parametrize(
    ("file", "wrong", "said"),
    [
        ("gi_core/common/paths.py", "from gi_core.jobs import store", "Imports of the core run one way BROKEN"),
        ("gi_core/attacks/base.py", "from gi_core.attacks.recursion import walk", "Imports of the attacks run one way BROKEN"),
        ("gi_core/data/views.py", "import streamlit", "The core knows no page, and pages load nothing heavy BROKEN"),
        ("gi_core/jobs/store.py", "import torch", "Settings and jobs need no torch BROKEN"),
        ("pages/shared/words.py", "from pages.lab import chips", "Imports of the pages run one way BROKEN"),
        ("gi_core/numerics/sums.py", "from gi_core.numerics import lanczos\nfrom gi_core.analysis import risk", "BROKEN"),
    ],
)  # fmt: skip
def test_a_wrong_import_is_told(tmp_path, file, wrong, said):
    path = copied(tmp_path) / file
    path.write_text(path.read_text() + f"\n{wrong}\n")
    done = contracts(tmp_path)
    assert done.returncode != 0 and said in done.stdout, done.stdout[-3000:] + done.stderr[-2000:]
