"""Arrays of a `.safetensors` file: the header is checked against the file before any value is read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.settings.documents import read_json
from gi_core.tensor_files.pickled_arrays import sides

MOST_HEADER = 8 * 2**20
"""Bytes: a tensor takes about a hundred, of names and numbers."""
MOST_TENSORS, MOST_VALUES = 20_000, 400_000
_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "?",
}  # fmt: skip

_FOREIGN = ("C64", "C128", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4")


class _Named(SpecError):
    """A header whose fault has a sentence of its own."""


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes is safetensors, judged by its first nine bytes."""
    return len(head) == 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def read_safetensors(path: Path, name: str) -> dict[str, object]:
    """Arrays by name. Raises SpecError with one sentence."""
    entries, start = read_header(path, name)
    with open(path, "rb") as file:
        content = file.read()
    try:
        return {key: _array(content, start, entry) for key, entry in entries.items()}
    except SpecError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SpecError(f"{name} is a damaged safetensors file: save it again") from None


def read_header(path: Path, name: str) -> tuple[dict[str, dict[str, Any]], int]:
    """({name: dtype, shape, data_offsets}, where the values begin), every number checked before it is multiplied.

    Raises SpecError for a header that is too large, or promises what the file does not hold.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if length > MOST_HEADER:
            raise SpecError(f"{name} has a header of {length / 2**20:.0f} MiB: save its tensors again")
        text = file.read(length)
    try:
        header = read_json(text, MOST_HEADER, f"the header of {name}", MOST_VALUES)
        header.pop("__metadata__", None)
        if len(header) > MOST_TENSORS:
            raise _Named(f"{name} has {len(header)} tensors: at most {MOST_TENSORS} are read")
        promised = sum(_bytes(key, entry, size - 8 - length, name) for key, entry in header.items())
        if promised > size - 8 - length:
            raise ValueError("parts that lie over each other")
    except _Named:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SpecError(f"{name} is a damaged safetensors file: save it again") from None
    return header, 8 + length


def _bytes(key: str, entry: dict[str, Any], there: int, name: str) -> int:
    """The bytes that one tensor takes. there: bytes of all values."""
    begin, end = entry["data_offsets"]
    if entry["dtype"] in _FOREIGN:
        raise _Named(
            f"{name} holds values of the kind {entry['dtype']} under {key[:60]!r}: save real numbers, such as float32"
        )
    shape = sides(tuple(entry["shape"]))
    promised = math.prod(shape) * np.dtype(_TYPES[entry["dtype"]]).itemsize
    if not 0 <= begin <= end <= there or promised != end - begin:
        raise _Named(
            f"{name} is damaged or cut off: a tensor of {'x'.join(map(str, shape))} promises"
            f" {promised} bytes, which are not there"
        )
    return promised


def _array(content: bytes, start: int, entry: dict[str, Any]) -> np.ndarray:
    values = np.frombuffer(content, _TYPES[entry["dtype"]], math.prod(entry["shape"]), start + entry["data_offsets"][0])
    if entry["dtype"] == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(entry["shape"])
