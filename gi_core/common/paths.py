"""Where things live on this machine, and paths as a person writes them."""

from __future__ import annotations

import errno
import os
import select
from pathlib import Path

from gi_core.common.errors import SpecError

PATIENCE = 5.0
"""Seconds that a pipe may say nothing."""


def studio() -> Path:
    """The folder of app.py, pages/ and assets/: inside the package where it was installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "studio"
    return inside if inside.is_dir() else package.parent


def home() -> Path:
    """Runs, weights and plans: `GI_HOME`, default `~/.gi_core`, readable by its owner only.

    Raises SpecError where it cannot be made.
    """
    path = user_path(os.environ.get("GI_HOME") or "~/.gi_core")
    try:
        if not path.is_dir():
            path.mkdir(parents=True, mode=0o700, exist_ok=True)
            path.chmod(0o700)
    except OSError as error:
        reason = f"cannot make the folder {path} ({error.strerror})"
        raise SpecError(f"{reason}: set GI_HOME to a folder you can write to") from None
    return path


def data_home() -> Path:
    """Data sets and downloaded weights: `GI_DATA`, default `~/.cache/gi_core`."""
    return user_path(os.environ.get("GI_DATA") or "~/.cache/gi_core")


def user_path(text: str) -> Path:
    """The path, `~` resolved; it need not exist. Raises SpecError for one that this system cannot look up."""
    try:
        path = Path(text).expanduser()
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (RuntimeError, ValueError):  # no such ~user; a null byte
        raise SpecError(f"{text[:80]!r} is not a path: write it in full") from None
    except OSError as error:  # too long, in a folder that may not be read, links in a circle
        raise SpecError(f"cannot read {text[:80]!r}: {error.strerror}") from None
    return path


def first_bytes(path: Path, most: int) -> bytes:
    """At most `most` bytes of a file, or of a pipe that somebody writes into; a pipe without a writer reads as empty. Raises OSError."""
    end, found = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), bytearray()
    try:
        while len(found) < most:
            if not select.select([end], [], [], PATIENCE)[0]:
                raise OSError(errno.ETIMEDOUT, "nothing comes from it")
            part = os.read(end, min(2**16, most - len(found)))
            if not part:
                break
            found += part
    finally:
        os.close(end)
    return bytes(found)
