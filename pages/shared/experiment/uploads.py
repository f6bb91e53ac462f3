"""Files a person gives: checked by their first bytes, kept under GI_HOME by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gi_core.common import uploads
from gi_core.data import formats
from gi_core.settings import SpecError

MOST_BYTES = 25 * 2**20
MOST_FILES = 200
MOST_UPDATE_BYTES = 250 * 2**20
"""Most bytes of an update or a checkpoint: a ResNet-152 has 230 MiB."""
MOST_TOTAL_BYTES = 4 * 2**30
PICTURES = formats.TYPES
"""Endings that a field for pictures takes."""


def keep_picture(content: bytes) -> str:
    """Store a picture; its reference `upload:SHA256`. Only its first bytes are looked at here: a worker decodes it.

    Raises SpecError for what is no picture, with the types that are, or too large.
    """
    _bound(content)
    if formats.kind_of(content[: formats.HEADER]) is None:
        raise SpecError(f"this file is not a picture that can be read: give a {formats.ALLOWED} file")
    return _keep(content)


def keep_weights(content: bytes) -> str:
    """Store a file of weights; its reference `upload:SHA256`. A worker parses it, under limits.

    Raises SpecError for what is neither safetensors nor a torch file.
    """
    _bound(content)
    if not _tensors(content) and content[:4] != b"PK\x03\x04":
        raise SpecError("this is no file of weights: give .safetensors, or .pt written by torch.save")
    return _keep(content)


def keep_update(content: bytes) -> str:
    """Store a file of a recorded round: update, checkpoint or statistics; its reference. A worker parses it, under limits.

    Raises SpecError for what is none of the formats that are read.
    """
    _bound(content, MOST_UPDATE_BYTES)
    if not _tensors(content) and content[:4] != b"PK\x03\x04":
        raise SpecError("this is no file of arrays: give .npz, .safetensors, or .pt written by torch.save")
    return _keep(content)


def keep_text(content: bytes, most: int) -> str:
    """Store a text that was read already, such as a lesson; its reference, so that a link shows it again. Raises SpecError."""
    _bound(content, most)
    return _keep(content)


def _tensors(content: bytes) -> bool:
    """Whether the header is that of safetensors."""
    length = int.from_bytes(content[:8], "little")
    return 2 <= length <= len(content) - 8 and content[8:9] == b"{"


def _bound(content: bytes, most: int = MOST_BYTES) -> None:
    if not content:
        raise SpecError("the file is empty: give another one")
    if len(content) > most:
        raise SpecError(f"the file has {len(content) / 2**20:.0f} MiB: give one of at most {most // 2**20} MiB")


def _keep(content: bytes) -> str:
    try:
        kept = uploads.keep(hashlib.sha256(content).hexdigest(), lambda target: target.write_bytes(content))
    except OSError as error:
        raise SpecError(f"the file could not be kept: {error.strerror or error}") from None
    _prune(uploads.folder())
    return kept


def _prune(folder: Path) -> None:
    """Only the newest `MOST_FILES` stay, and no more than `MOST_TOTAL_BYTES` of them."""
    files = sorted(folder.glob("[0-9a-f]*"), key=lambda f: f.stat().st_mtime, reverse=True)
    total = 0
    for number, file in enumerate(files):
        total += file.stat().st_size
        if number and (number >= MOST_FILES or total > MOST_TOTAL_BYTES):
            file.unlink(missing_ok=True)
