"""Where things live on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Runs, weights and plans: `GI_HOME`, default `~/.gi_core`, readable by its owner only."""
    path = Path(os.environ.get("GI_HOME") or Path.home() / ".gi_core").expanduser()
    if not path.is_dir():
        path.mkdir(parents=True, mode=0o700, exist_ok=True)
        path.chmod(0o700)
    return path


def data_home() -> Path:
    """Data sets and downloaded weights: `GI_DATA`, default `~/.cache/gi_core`."""
    return Path(os.environ.get("GI_DATA") or Path.home() / ".cache" / "gi_core").expanduser()
