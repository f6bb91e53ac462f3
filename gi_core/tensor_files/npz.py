"""Arrays of a `.npz` file, with or without a pickle in it: every size is checked before anything is read.

A `.npz` is a zip of `NAME.npy` members; each is a magic string, a header (dtype, order, shape) and the values.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.common.zips import contents
from gi_core.tensor_files.asides import NOTHING, SHORT, aside
from gi_core.tensor_files.pickled_arrays import Shell, sides
from gi_core.tensor_files.unpickling import unpickle

MOST_BYTES, MOST_ARRAYS = 2**30, 20_000
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(path: Path, name: str) -> dict[str, object]:
    """Arrays and numbers by name: those of the pickled dictionary in its one member, or a member each.

    Raises SpecError with one sentence that says what is wrong with the file `name`.
    """
    entries = contents(path, name)
    try:
        with zipfile.ZipFile(path) as archive:
            _bound(entries, name)
            members: dict[str, np.ndarray | Shell] = {}
            for entry in entries:
                with archive.open(entry) as file:
                    members[entry.filename.removesuffix(".npy")] = _member(file, entry.file_size, name)
    except (SpecError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a damaged archive fails in every possible way
        raise SpecError(f"{name} is damaged or cut off: save it again") from None
    if len(members) > 1:  # a name or None that numpy made an object of
        members = {k: NOTHING if isinstance(v, Shell) and aside(v.value) else v for k, v in members.items()}
    held = [value for value in members.values() if isinstance(value, Shell)]
    if not held:
        return dict(members)
    if len(members) > 1:
        raise SpecError(f"{name} holds objects beside arrays: give one dictionary of arrays, or one array a member")
    return _dictionary(held[0].value, name)


def _bound(entries: list[zipfile.ZipInfo], name: str) -> None:
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise SpecError(f"{name} unpacks to {total / 2**30:.1f} GiB: at most {MOST_BYTES / 2**30:.0f} GiB are read")
    if not entries or not all(e.filename.endswith(".npy") and e.compress_type in _METHODS for e in entries):
        raise SpecError(f"{name} is no archive of arrays: give what numpy.savez writes")


def _member(file: IO[bytes], size: int, name: str) -> np.ndarray | Shell:
    """One array, or what the pickle of an object array holds. size: bytes that the zip states for it."""
    content = file.read(size + 1)  # zipfile gives at most what it promised
    stream = io.BytesIO(content)
    try:
        shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise SpecError(f"{name} is no archive of arrays: give what numpy.savez writes") from None
    left = len(content) - stream.tell()
    if dtype.hasobject:
        if shape != () or dtype != np.dtype(object):
            raise SpecError(f"{name} holds an array of objects: give one dictionary of arrays, or one array a member")
        found = unpickle(content[stream.tell() :], name)
        if not isinstance(found, Shell):
            raise SpecError(f"{name} holds no dictionary of arrays: save it with numpy.savez")
        return found
    if dtype.kind not in "fiub":
        if shape in ((), (1,)) and dtype.itemsize <= 4 * SHORT:
            return NOTHING
        raise SpecError(f"{name} holds {str(dtype)[:40]} values, not numbers: save arrays of numbers")
    try:
        sides(shape)
    except ValueError:
        raise SpecError(f"{name} is damaged or cut off: an array promises what no file can hold") from None
    promised = math.prod(shape) * dtype.itemsize
    if promised != left:
        raise SpecError(
            f"{name} is damaged or cut off: an array of {'x'.join(map(str, shape)) or 'one value'} promises"
            f" {promised} bytes and has {left}"
        )
    array = np.frombuffer(content, dtype, offset=stream.tell())
    return array.reshape(shape, order="F" if by_columns else "C")


def _dictionary(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SpecError(f"{name} holds no dictionary of arrays: save one array for each tensor's name")
    if len(value) > MOST_ARRAYS:
        raise SpecError(f"{name} has {len(value)} arrays: at most {MOST_ARRAYS} are read")
    return value
