"""Headers and tables of contents that say anything: every number is checked before it is multiplied."""

from __future__ import annotations

import json
import math
import struct
import zipfile
from pathlib import Path

import pytest

from gi_core.common.zips import contents
from gi_core.tensor_files.reading import is_torch, read_arrays
from gi_core.tensor_files.safetensors import MOST_HEADER, read_safetensors
from gi_core.tensor_files.weights import read_state
from tests.tensor_files.hostile import refusal


def safetensors(path: Path, header: dict | bytes, content: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


def entry(shape, kind: str = "F32", size: int = 4) -> dict:
    return {"dtype": kind, "shape": shape, "data_offsets": [0, size]}


HEADERS = {
    "half a million sides": {"w": entry([2**62 + 1] * 500_000)},
    "ten thousand sides": {"w": entry([2**62 + 1] * 10_000)},
    "sides of many digits": b'{"w":{"dtype":"F32","shape":[' + b"9" * 4000 + b'],"data_offsets":[0,4]}}',
    "offsets of many digits": b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,' + b"9" * 4000 + b"]}}",
    "sides beyond 64 bits": {"w": entry([2**70])},
    "sides below nothing": {"w": entry([-1, -1])},
    "sides that are texts": {"w": entry("1" * 100_000)},
    "a kind that is a list": {"w": entry([1], [[]] * 10_000)},
    "offsets that are lists": {"w": {"dtype": "F32", "shape": [1], "data_offsets": [[0], [4]]}},
    "brackets": b'{"w":' + b"[" * 200_000,
    "a text": b"{" + b" " * 10 + b"",
    "many tensors": {f"w{i}": entry([1]) for i in range(60_000)},
    "one number as many tensors": {f"w{i}": entry([1]) for i in range(19_000)},
    "complex numbers": {"w": entry([1], "C64", 8)},
    "eight bits": {"w": entry([4], "F8_E4M3")},
    "a name that is no kind": {"w": entry([1], "X" * 100_000)},
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_is_bounded_before_its_numbers_are_multiplied(tmp_path, monkeypatch, kind):
    file = safetensors(tmp_path / "w.safetensors", HEADERS[kind], b"\0" * 8)
    monkeypatch.setattr(math, "prod", lambda values: _few(values))
    for read in (read_safetensors, read_arrays, read_state):
        refusal(read, file, "w.safetensors")


def _few(values):
    values = list(values)
    assert len(values) <= 32 and all(abs(v) <= 2**40 for v in values)
    result = 1
    for value in values:
        result *= value
    return result


def test_a_header_larger_than_any_is_not_read(tmp_path):
    file = safetensors(tmp_path / "w.safetensors", b"{" + b" " * MOST_HEADER + b"}")
    assert "header of 8 MiB" in refusal(read_arrays, file, "w") and "header of 8 MiB" in refusal(read_state, file, "w")


def test_an_archive_that_lists_millions_is_not_listed(tmp_path):
    file = tmp_path / "u.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("w.npy", b"")
    content = bytearray(file.read_bytes())
    end = content.rfind(b"PK\5\6")
    content[end + 12 : end + 16] = struct.pack("<I", 2**31)
    file.write_bytes(content)
    assert "too many members" in refusal(contents, file, "u.npz")
    assert not is_torch(file) and "too many members" in refusal(read_arrays, file, "u.npz")
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_001):
            archive.writestr(f"{number}.npy", b"")
    assert "20001 members" in refusal(read_arrays, file, "u.npz")
