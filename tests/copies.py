"""A copy of the tree, for tests that add to it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.conftest import ROOT

FOLDERS, FILES = ("gi_core", "pages", "tests", "assets", ".streamlit"), ("app.py", "pyproject.toml")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "secrets.toml")


def copied(folder: Path) -> Path:
    """`folder`, with the program and its tests in it."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder
