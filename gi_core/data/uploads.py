"""Files kept under GI_HOME by their hash, so that a browser may name them. Read back by `refs.upload_path`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gi_core.paths import home


def folder() -> Path:
    """Where they lie."""
    path = home() / "uploads"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def keep(digest: str, fill: Callable[[Path], object]) -> str:
    """The reference of the file with this SHA-256, written by `fill` where it is not there yet: whole or not at all.

    One that is there counts as new again. Raises OSError.
    """
    target = folder() / digest
    if target.exists():
        os.utime(target)
        return "upload:" + digest
    temporary = target.with_name(f".{digest}.{os.getpid()}.tmp")
    try:
        fill(temporary)
        os.replace(temporary, target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return "upload:" + digest
