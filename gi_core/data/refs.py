"""Sample references, as written on a command line, to samples."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.common.paths import user_path
from gi_core.common.uploads import upload_path
from gi_core.data import archives, bundled, folders, windows
from gi_core.data.opening import read_image
from gi_core.data.types import Sample
from gi_core.data.views import View, split
from gi_core.settings.registry import suggestion

_DATA_SET = re.compile(r"([a-z0-9_]+)(?:/([a-z]+))?:([^/:]+)")


def resolve(ref: str) -> Sample:
    """The sample of a reference. Raises SpecError with one sentence.

    `bundled/NAME[:INDEX]`, `mnist:7` (test split), `mnist/train:7`, `folder:PATH:KEY`,
    `upload:SHA256`, or the path of a picture file; each with a view (`views.split`): `#window=40/400#crop=64x64+0+0`.
    """
    bare, view = split(ref)
    if bare != ref and not bare.startswith(("bundled/", "folder:", "upload:")) and user_path(ref).exists():
        bare, view = ref, View()  # a file whose name looks like a view
    return _resolved(bare, view)


def _resolved(ref: str, view: View) -> Sample:
    if ref.startswith("bundled/"):
        name, colon, index = ref.removeprefix("bundled/").partition(":")
        return _seen(bundled.sample(name, index if colon else None), view, ref)
    if ref.startswith("folder:"):
        path, key = split_folder(ref)
        return folders.sample(path, key, view)
    if ref.startswith("upload:"):
        return _file(upload_path(ref), "upload", "the uploaded picture", ref, view)
    match = _DATA_SET.fullmatch(ref)
    if match and match[1] in archives.DATA_SETS:
        if match[2] not in (None, "train", "test"):
            raise SpecError(
                f"{match[1]} has no split {match[2]!r}: write {match[1]}/train:{match[3]} or {match[1]}:{match[3]}"
            )
        return _seen(archives.sample(match[1], "train" if match[2] == "train" else "test", match[3]), view, ref)
    return _file(user_path(ref), "file", ref, ref, view)


def _seen(sample: Sample, view: View, name: str) -> Sample:
    """A sample that is no file, with the view (window and crop) applied."""
    if view == View():
        return sample
    pixels, window = sample.pixels, view.window
    height, width = pixels.shape[:2]
    if window is not None:
        pixels, _ = windows.apply(pixels, window)
    return replace(sample, pixels=view.cut(pixels, (width, height), name), key=f"{sample.key}{view}")


def split_folder(ref: str) -> tuple[str, str]:
    """(PATH, KEY) of `folder:PATH:KEY`."""
    path, colon, key = ref.removeprefix("folder:").rpartition(":")
    if not colon or not path or not key:
        raise SpecError(f"write {ref!r} as folder:PATH:KEY, KEY a file stem or an index")
    return path, key


def _file(path: Path, family: str, name: str, ref: str, view: View) -> Sample:
    if family == "file" and (not ref or not path.exists()):
        known = [*(f"bundled/{n}" for n in bundled.PICTURES), "bundled/faces", *(f"{n}:0" for n in archives.DATA_SETS)]
        hint = suggestion(ref, known)
        hint = hint if hint.startswith("did you") else "give a file, folder:PATH:KEY, bundled/NAME or mnist:INDEX"
        raise SpecError(f"there is no sample {ref!r}: {hint}")
    found = read_image(path, name, view)
    return Sample(
        family, f"{path.resolve()}{view}", found.pixels, notices=found.notices, written=found.part, shown=found.shown
    )
