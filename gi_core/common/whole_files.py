"""Files that are there whole or not at all, however the process ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from gi_core.common.disk import disk


def replace(path: Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Let `fill` write to a temporary file beside `path`, then rename it. Raises OSError, and what `fill` raises.

    Whatever goes wrong, the file that was there stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            fill(file)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write(path: Path, fill: Callable[[BinaryIO], Any]) -> None:
    """The same under GI_HOME. Raises DiskFull, or SpecError where the folder is closed."""
    with disk(path.parent):
        replace(path, fill)


def write_text(path: Path, text: str) -> None:
    """Write the text in UTF-8, whole or not at all. Raises DiskFull."""
    write(path, lambda file: file.write(text.encode()))
