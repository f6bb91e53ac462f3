"""Sample references, as written on a command line, to samples."""

from __future__ import annotations

import re
from pathlib import Path

from gi_core.data import archives, bundled, folders
from gi_core.data.images import read_image
from gi_core.data.types import Sample
from gi_core.paths import home, user_path
from gi_core.spec.base import SpecError
from gi_core.spec.registry import suggestion

SHA256 = re.compile(r"[0-9a-f]{64}")
_DATA_SET = re.compile(r"([a-z0-9_]+)(?:/([a-z]+))?:([^/:]+)")


def resolve(ref: str) -> Sample:
    """The sample of a reference. Raises SpecError with one sentence.

    `bundled/NAME[:INDEX]`, `mnist:7` (test split), `mnist/train:7`, `folder:PATH:KEY`,
    `upload:SHA256`, or the path of a picture file.
    """
    if ref.startswith("bundled/"):
        name, colon, index = ref.removeprefix("bundled/").partition(":")
        return bundled.sample(name, index if colon else None)
    if ref.startswith("folder:"):
        path, key = split_folder(ref)
        return folders.sample(path, key)
    if ref.startswith("upload:"):
        return _file(upload_path(ref), "upload", "the uploaded picture", ref)
    match = _DATA_SET.fullmatch(ref)
    if match and match[1] in archives.DATA_SETS:
        split = match[2] or "test"
        if split not in ("train", "test"):
            raise SpecError(
                f"{match[1]} has no split {split!r}: write {match[1]}/train:{match[3]} or {match[1]}:{match[3]}"
            )
        return archives.sample(match[1], split, match[3])
    return _file(user_path(ref), "file", ref, ref)


def split_folder(ref: str) -> tuple[str, str]:
    """(PATH, KEY) of `folder:PATH:KEY`."""
    path, colon, key = ref.removeprefix("folder:").rpartition(":")
    if not colon or not path or not key:
        raise SpecError(f"write {ref!r} as folder:PATH:KEY, KEY a file stem or an index")
    return path, key


def upload_path(ref: str) -> Path:
    """The file of `upload:SHA256`. Raises SpecError where it was never uploaded."""
    digest = ref.removeprefix("upload:")
    if not SHA256.fullmatch(digest):
        raise SpecError("an upload is named upload: and the 64 hexadecimal digits of its SHA-256")
    path = home() / "uploads" / digest
    if not path.is_file():
        raise SpecError(f"the upload {digest[:12]}… is not on this machine: upload the file again")
    return path


def _file(path: Path, family: str, name: str, ref: str) -> Sample:
    if family == "file" and (not ref or not path.exists()):
        known = [
            *(f"bundled/{n}" for n in bundled.PICTURES),
            "bundled/faces",
            *(f"{n}:0" for n in archives.DATA_SETS),
        ]
        hint = suggestion(ref, known)
        hint = hint if hint.startswith("did you") else "give a file, folder:PATH:KEY, bundled/NAME or mnist:INDEX"
        raise SpecError(f"there is no sample {ref!r}: {hint}")
    pixels, size = read_image(path, name)
    return Sample(family, str(path.resolve()), pixels, notices=(size,))
