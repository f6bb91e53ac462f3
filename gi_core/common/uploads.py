"""Files kept under GI_HOME by their hash, so that a browser may name them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.common.paths import home

SHA256 = re.compile(r"[0-9a-f]{64}")


def folder() -> Path:
    """The folder of the uploads, made where it is missing."""
    path = home() / "uploads"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def keep(digest: str, fill: Callable[[Path], object]) -> str:
    """The reference of the file with this SHA-256, written by `fill` where it is not there yet: whole or not at all.

    The age of a file that is there starts anew. Raises OSError.
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


def upload_path(ref: str) -> Path:
    """The file of `upload:SHA256`. Raises SpecError where it was never uploaded."""
    digest = ref.removeprefix("upload:")
    if not SHA256.fullmatch(digest):
        raise SpecError("an upload is named upload: and the 64 hexadecimal digits of its SHA-256")
    path = home() / "uploads" / digest
    if not path.is_file():
        raise SpecError(f"the upload {digest[:12]}… is not on this machine: upload the file again")
    return path
