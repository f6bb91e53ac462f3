"""A run's files, copied to where a person wants them."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gi_core.common.paths import first_bytes, user_path
from gi_core.settings import SpecError

FILES = (
    "experiment.json", "result.json", "reconstruction.npz", "original.png", "reconstruction.png",
    "history.csv",
)  # fmt: skip


def content(path: Path, name: str, most: int) -> bytes:
    """The file's first bytes: `most`, and one more where it is larger. Raises SpecError. name: what a person calls it."""
    try:
        return first_bytes(path, most + 1)
    except OSError as error:
        raise SpecError(f"cannot read {name}: {error.strerror}") from None


def folder(name: str) -> Path:
    """The folder, made if need be. Raises SpecError where nothing can be written."""
    path = user_path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(f"cannot make the folder {name!r}: {error.strerror}") from None
    return path


def export(source: Path, target: Path, document: Mapping[str, Any] | None) -> None:
    """Copy what there is of FILES; result.json is `document`, whose `out` names the new place.

    Raises SpecError, a full disk included.
    """
    try:
        for name in FILES:
            if name == "result.json" and document is not None:
                (target / name).write_text(json.dumps(document, indent=2) + "\n")
            elif (source / name).is_file():
                shutil.copyfile(source / name, target / name)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise SpecError(f"the disk is full: free space under {target} and export the run again") from None
        raise SpecError(f"cannot write into {str(target)!r}: {error.strerror}") from None
