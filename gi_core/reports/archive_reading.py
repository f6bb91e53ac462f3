"""An archive that a person hands in: every name, size, number and array is checked before anything of it is kept.

Nothing is unpacked by name: files are read by names of our own and written anew. A file that is not what it says, is larger than
it may be, or does not agree with the rest is refused with one sentence.
"""

from __future__ import annotations

import hashlib
import io
import math
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from gi_core.common import zips
from gi_core.reports import archive_contents as contents
from gi_core.reports.archive_contents import ArchivedJob, ArchivedSweep, Manifest
from gi_core.settings import Experiment, SpecError
from gi_core.settings.base import Settings
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.documents import read_json
from gi_core.settings.federation import Federation
from gi_core.settings.plan import Plan
from gi_core.settings.sentences import made
from gi_core.types.conforming import faults
from gi_core.types.result import Result, read
from gi_core.types.result_parts import Network
from gi_core.types.training import Training

MOST_SIDE, MOST_TRIALS, MOST_PREVIEW = 4096, 64, 4096 * 4096
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_Kind = TypeVar("_Kind", bound=Settings)


@dataclass(frozen=True)
class Brought:
    """One run as it was in the archive. previews: name -> PNG, written anew."""

    job: ArchivedJob
    arrays: dict[str, np.ndarray]
    previews: dict[str, bytes]


class Archive:
    """An open archive whose table of contents and manifest were checked. Raises SpecError from each of its methods."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        if path.is_file() and path.stat().st_size > contents.MOST_FILE:
            raise SpecError(f"{name} is too large: an archive has {contents.MOST_FILE // 2**20} MB at most")
        self.entries = self._bounded(zips.contents(path, name))
        self.file = zipfile.ZipFile(path)
        self.manifest = self._made(Manifest, contents.MANIFEST)
        if self.manifest.version > contents.VERSION:
            raise SpecError(f"{name} was made by a newer edition of this program: update it to open the archive")
        if set(self.manifest.files) != set(self.entries) - {contents.MANIFEST}:
            raise self._damaged("its files are not those that it lists")

    def close(self) -> None:
        """Let the file go."""
        self.file.close()

    def _bounded(self, found: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        entries = {entry.filename: entry for entry in found}
        if contents.MANIFEST not in entries:
            raise SpecError(
                f"{self.name} is no archive of this program: give what 'Archive (ZIP)' or runs archive wrote"
            )
        if len(entries) < len(found):
            raise self._damaged("two of its files have the same name")
        for entry in found:
            if not contents.NAME.fullmatch(entry.filename):
                raise self._damaged(f"a file in it is called {entry.filename[:60]!r}, as none of an archive is")
            if stat.S_ISLNK(entry.external_attr >> 16) or entry.is_dir():
                raise self._damaged(f"{entry.filename[:60]!r} is a link or a folder")
            if entry.flag_bits & 1 or entry.compress_type not in _METHODS:
                raise self._damaged(f"{entry.filename[:60]!r} is encrypted or packed in another way")
        total = sum(entry.file_size for entry in found)
        if total > contents.MOST_UNPACKED:
            raise SpecError(
                f"{self.name} unpacks to {total / 2**30:.1f} GiB: at most {contents.MOST_UNPACKED / 2**30:.0f} GiB are read"
            )
        return entries

    def _damaged(self, why: str) -> SpecError:
        return SpecError(f"{self.name} is damaged or was changed: {why}; take the archive again where the run was made")

    def _read(self, name: str, most: int) -> bytes:
        """The file's bytes, which are as many as the table says, `most` at most, and those that the manifest lists."""
        entry = self.entries.get(name)
        if entry is None:
            raise self._damaged(f"{name} is missing")
        if entry.file_size > most:
            raise self._damaged(f"{name} has {entry.file_size} bytes, and {most} are read")
        try:
            with self.file.open(entry) as file:
                content = file.read(entry.file_size + 1)
        except Exception:  # noqa: BLE001 - a damaged archive fails in every possible way
            raise self._damaged(f"{name} cannot be unpacked") from None
        if len(content) != entry.file_size:
            raise self._damaged(f"{name} is not as long as it says")
        if name != contents.MANIFEST and hashlib.sha256(content).hexdigest() != self.manifest.files[name]:
            raise self._damaged(f"{name} is not what was written")
        return content

    def _made(self, kind: type[_Kind], name: str) -> _Kind:
        what = f"{name} in {self.name}"
        values = read_json(self._read(name, contents.MOST_JSON), contents.MOST_JSON, what, contents.MOST_VALUES)
        if name == contents.MANIFEST and (not isinstance(values, dict) or values.get("format") != contents.FORMAT):
            raise SpecError(
                f"{self.name} is no archive of this program: give what 'Archive (ZIP)' or runs archive wrote"
            )
        return made(kind, values, f"{what} is not valid: ")

    def sweep(self) -> ArchivedSweep:
        """The sweep of an archive that holds one."""
        return self._made(ArchivedSweep, contents.SWEEP)

    def runs(self) -> Iterator[Brought]:
        """Its runs in the order of their folders, read one at a time."""
        for number in range(1, self.manifest.runs + 1):
            yield self._run(f"runs/{number:04d}/")

    def _run(self, folder: str) -> Brought:
        job = self._made(ArchivedJob, folder + "job.json")
        checked(job, f"{folder}job.json in {self.name}")
        arrays = {}
        for name in self.entries:
            if name.startswith(folder) and name.endswith(".npy"):
                arrays[name.removeprefix(folder).removesuffix(".npy")] = self._array(name)
        self._agree(arrays, folder)
        previews = {n.rpartition("/")[2]: self._preview(n) for n in self.entries if n.startswith(folder + "previews/")}
        return Brought(job, arrays, previews)

    def _array(self, name: str) -> np.ndarray:
        """float32 (N, C, H, W) or uint8 with the axes of its kind; sizes are bounded before values are looked at."""
        content = self._read(name, contents.MOST_UNPACKED)
        stream = io.BytesIO(content)
        try:
            shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
        except Exception:  # noqa: BLE001 - a made header fails in every possible way
            raise self._damaged(f"{name} is no array of numbers") from None
        last = name.rpartition("/")[2]
        axes, kind = (4, "<f4") if last in ("images.npy", "originals.npy") else (4 if last == "shown.npy" else 5, "|u1")
        if len(shape) != axes or dtype.str != kind or by_columns or not all(1 <= side <= MOST_SIDE for side in shape):
            raise self._damaged(f"{name} is not an array of pictures")
        if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
            raise self._damaged(f"{name} promises other values than it has")
        found = np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)
        if dtype.kind == "f" and not (np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1):
            raise self._damaged(f"{name} holds values that are no pixels")
        return found

    def _agree(self, arrays: dict[str, np.ndarray], folder: str) -> None:
        """All pictures of a run have one count and one shape."""
        sizes = set()
        for name, array in arrays.items():
            shape = array.shape
            if name in ("images", "originals"):
                sizes.add((shape[0], *shape[2:], shape[1]))
            else:
                sizes.add(shape[-4:])
                if len(shape) == 5 and shape[0] > MOST_TRIALS:
                    raise self._damaged(f"{folder}{name}.npy has {shape[0]} trials, and {MOST_TRIALS} are shown")
        if len(sizes) > 1 or any(size[0] > MAX_BATCH or size[3] not in (1, 3) for size in sizes):
            raise self._damaged(f"the pictures under {folder} do not agree in count or shape")

    def _preview(self, name: str) -> bytes:
        """A PNG, decoded and written anew."""
        try:
            with Image.open(io.BytesIO(self._read(name, 16 * 2**20)), formats=("PNG",)) as image:
                if image.width * image.height > MOST_PREVIEW:
                    raise ValueError("too large")
                pixels, made = image.convert("RGB"), io.BytesIO()
                pixels.save(made, "PNG")
        except SpecError:
            raise
        except Exception:  # noqa: BLE001 - a made picture fails in every possible way
            raise self._damaged(f"{name} is no picture") from None
        return made.getvalue()


def checked(job: ArchivedJob, what: str) -> None:
    """Question and result are what their types say. Raises SpecError."""
    if job.kind == "utility":
        made(Federation, job.spec, f"the question in {what} is not valid: ")
        wrong = faults(job.result, Training) if job.state == "done" else []
    else:
        made(Experiment, job.spec, f"the question in {what} is not valid: ")
        found = read({**job.result, "run_id": "", "out": ""}) if job.result is not None else None
        wrong = faults(found, Result, open_=(Network,)) if found is not None else []
        wrong += _measured(found) if found is not None and not wrong else []
    if wrong:
        raise SpecError(
            f"{what} is not a result of this program ({wrong[0][:200]}): take the archive again where the run was made"
        )


def _measured(result: Result) -> list[str]:
    """What types leave open: a measure is a number or missing, or a note in words; a plan is a plan; trials are counted from 0."""
    wrong = []
    for measures in (result["metrics"], *result["per_image"]):
        for name, value in measures.items():
            words = isinstance(value, str) and (name.endswith("note") or name == "rdlv_site")
            if not (value is None or words or isinstance(value, (int, float)) and not isinstance(value, bool)):
                wrong.append(f"the measure {name[:60]!r} is no number")
    if result["plan"]:
        made(Plan, result["plan"], "the plan of the archived run is not valid: ")
    numbers = [trial["trial"] for trial in (*result["trials"], *(one for one in _ends(result)))]
    wrong += [] if all(0 <= number < MOST_TRIALS for number in numbers) else ["a trial has a number that none has"]
    wrong += [] if isinstance(result["attack"].get("kind"), str) or not result["attack"] else ["the attack has no kind"]
    return wrong


def _ends(result: Result) -> list[Any]:
    summary = result["trials_summary"]
    return [summary[name] for name in ("best", "median", "worst") if name in summary]
