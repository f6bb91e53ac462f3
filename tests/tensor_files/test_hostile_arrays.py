"""Files of arrays that mean harm: code in a pickle, sizes that lie, headers that promise too much."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gi_core.tensor_files.reading import read_arrays
from gi_core.tensor_files.unpickling import unpickle
from tests.tensor_files.hostile import Runs, archive, refusal


def npy(shape: tuple, descr: str = "<f4", content: bytes = b"") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


def evil(marker: Path) -> dict[str, bytes]:
    mkdir = Runs(os.system, f"mkdir {marker}")
    evaluated = Runs(eval, f"__import__('os').mkdir({str(marker)!r})")
    array = np.ones(2, np.float32)
    nested = np.empty(2, dtype=object)
    nested[:] = [array, mkdir]

    def dump(value, protocol: int = 4) -> bytes:
        return pickle.dumps(value, protocol=protocol)

    def held(value) -> np.ndarray:
        return np.array(value, dtype=object)

    state = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n"
    return {
        "the whole file": dump(mkdir),
        "in the array": dump(held(mkdir)),
        "a value": dump(held({"w": array, "x": mkdir})),
        "a key": dump(held({mkdir: array})),
        "eval": dump(held({"w": evaluated})),
        "protocol 0": dump(held({"w": evaluated}), 0),
        "protocol 2": dump(held({"w": evaluated}), 2),
        "nested array": dump(held({"w": nested})),
        "nested array 5": dump(held({"w": nested}), 5),
        "a function": dump(held({"w": os.getcwd})),
        "a class": dump(held({"w": Path})),
        "inst": b"(S'mkdir " + str(marker).encode() + b"'\nios\nsystem\n.",
        "state of a function": state + b"}X\x0c\x00\x00\x00__defaults__(K\x01tsb.",
        "numpy's own loader": b"\x80\x04cnumpy\nload\n(X\x01\x00\x00\x00xtR.",
        "attribute of numpy": b"\x80\x04\x8c\x05numpy\x8c\x0andarray.fromfile\x93.",
        "persistent": b"\x80\x04X\x01\x00\x00\x00xQ.",
        "extension": b"\x80\x04\x82\x01.",
        "new object": b"\x80\x04cnumpy\nndarray\n)\x81.",
        "dtype with fields": dump(held({"w": np.ones(1, [("a", "f4")])})),
        "array of texts": dump(held({"w": np.array(["x"])})),
        "text": dump(held({"w": "text"})),
        "list": dump(held([array])),
        # what would make Python's own unpickler ask for gigabytes
        "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
        "long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
        "long bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
        "long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
        "memo": b"\x80\x04Nr\xff\xff\xff\x7f.",
        "long number": b"\x80\x04\x8b" + struct.pack("<i", 2**30) + b"x.",
        "deep key": b"\x80\x04})" + b"\x85" * 300_000 + b"Ns.",
        "shape": dump(held({"w": array})).replace(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"),
        "no end": dump(held({"w": array}))[:-1],
        "cut": dump(held({"w": array}))[:-40],
        "nothing": b"",
    }


@pytest.mark.parametrize("kind", sorted(evil(Path("/nowhere"))))
def test_a_file_with_anything_but_arrays_is_refused_and_nothing_of_it_runs(tmp_path, kind):
    marker = tmp_path / "executed"
    content = evil(marker)[kind]
    file = archive(tmp_path / "evil.npz", {"weights.npy": npy((), "|O", content)})
    text = refusal(read_arrays, file, "evil.npz")
    assert text.startswith("evil.npz")
    assert not marker.exists()
    if content.startswith(b"\x80") and kind in ("the whole file", "in the array", "eval"):
        pickle.loads(content)  # the file is what it claims to be
        assert marker.exists()


def test_refusals_name_what_was_found(tmp_path):
    found = evil(tmp_path / "marker")
    assert "posix.system" in refusal(unpickle, found["a value"], "f")
    assert "builtins.eval" in refusal(unpickle, found["eval"], "f")
    assert "without running any of it" in refusal(unpickle, found["inst"], "f")
    assert unpickle(pickle.dumps(np.array({"w": np.ones(2)}, dtype=object)), "f").value["w"].value.tolist() == [1, 1]


def test_sizes_are_checked_before_anything_is_allocated(tmp_path, monkeypatch):
    big = npy((2**29,))
    zeros = b"\0" * 2**20
    deflated = archive(tmp_path / "a.npz", {f"w{i}.npy": zeros for i in range(40)}, zipfile.ZIP_DEFLATED)
    cases = {
        "promises 2147483648 bytes": archive(tmp_path / "b.npz", {"w.npy": big}),
        "promises": archive(tmp_path / "c.npz", {"w.npy": npy((2**40, 2**40))}),
        "is damaged": archive(tmp_path / "d.npz", {"w.npy": npy((-2, -2), content=b"\0" * 16)}),
        "an array of objects": archive(tmp_path / "e.npz", {"w.npy": npy((2,), "|O", b"N.")}),
        "objects beside arrays": archive(
            tmp_path / "f.npz", {"w.npy": npy((1,), content=b"\0" * 4), "o.npy": npy((), "|O", objects())}
        ),
        "no archive of arrays": archive(tmp_path / "g.npz", {"w.txt": b"hello"}),
        "not numbers": archive(tmp_path / "h.npz", {"w.npy": npy((1,), "<U1", b"\0" * 4)}),
        "give what numpy.savez writes": archive(tmp_path / "i.npz", {"w.npy": b"\x93NUMPY\x02\x00" + b"\xff" * 12}),
    }
    for words, file in cases.items():
        assert words in refusal(read_arrays, file, file.name)
    monkeypatch.setattr("gi_core.tensor_files.npz.MOST_BYTES", 2**25)
    assert deflated.stat().st_size < 2**18
    assert "unpacks to" in refusal(read_arrays, deflated, "bomb.npz")


def objects() -> bytes:
    return pickle.dumps(np.array({"w": np.ones(1)}, dtype=object))


def test_an_archive_that_lies_about_its_sizes(tmp_path):
    file = archive(tmp_path / "lie.npz", {"w.npy": npy((2**20,), content=b"\0" * 2**22)}, zipfile.ZIP_DEFLATED)
    content = bytearray(file.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 200)
    file.write_bytes(content)
    assert "damaged or cut off" in refusal(read_arrays, file, "lie.npz")


def test_safetensors_that_promise_what_they_do_not_hold(tmp_path):
    def file(header: bytes, content: bytes = b"", length: int | None = None) -> Path:
        path = tmp_path / "x.safetensors"
        path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + content)
        return path

    entry = b'{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}'
    for header, content in (
        (entry % (2**29, 2**31), b"1234"),
        (entry % (1, 4), b""),
        (entry % (2, 4), b"1234"),
        (b'{"w":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}', b"1"),
        (b'{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', b"1234"),
        (b'{"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}', b"1234"),
        (b'{"w":3}', b""),
        (b"{" + b"[" * 100_000, b""),
        (b"{no json", b""),
    ):
        text = refusal(read_arrays, file(header, content), "x.safetensors")
        assert "damaged" in text
    assert "no file of arrays, or is cut off" in refusal(read_arrays, file(b"{}", length=2**31), "x.safetensors")
    assert "is empty" in refusal(read_arrays, file(b"{}"), "x.safetensors")
