"""Arrays of a `.safetensors` file: the header's promises are checked against the file before anything is read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.spec.base import SpecError

MOST_HEADER = 16 * 2**20
_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "?",
}  # fmt: skip


def is_safetensors(head: bytes, size: int) -> bool:
    """By the first nine bytes of a file of `size` bytes."""
    return len(head) == 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def read_safetensors(path: Path, name: str) -> dict[str, object]:
    """Arrays by name. Raises SpecError with one sentence."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if length > MOST_HEADER:
        raise SpecError(f"{name} has a header of {length / 2**20:.0f} MiB: save its tensors again")
    try:
        header = json.loads(content[8 : 8 + length])
        header.pop("__metadata__", None)
        promised = sum(entry["data_offsets"][1] - entry["data_offsets"][0] for entry in header.values())
        if promised > len(content):
            raise ValueError("parts that lie over each other")
        return {key: _array(content, 8 + length, entry, name) for key, entry in header.items()}
    except SpecError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SpecError(f"{name} is a damaged safetensors file: save it again") from None


def _array(content: bytes, start: int, entry: dict[str, Any], name: str) -> np.ndarray:
    begin, end = entry["data_offsets"]
    dtype = np.dtype(_TYPES[entry["dtype"]])
    promised = math.prod(entry["shape"]) * dtype.itemsize
    if not 0 <= begin <= end <= len(content) - start or promised != end - begin:
        raise SpecError(
            f"{name} is damaged or cut off: a tensor of {'x'.join(map(str, entry['shape']))} promises"
            f" {promised} bytes, which are not there"
        )
    values = np.frombuffer(content, dtype, math.prod(entry["shape"]), start + begin)
    if entry["dtype"] == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(entry["shape"])
