"""Pickles of a tuple of tuples: a few hundred bytes that would take hours to show, compare or hash."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gi_core.common import vetting
from gi_core.data import archives
from gi_core.tensor_files.reading import read_arrays
from gi_core.tensor_files.unpickling import unpickle
from gi_core.tensor_files.weights import read_state
from tests.tensor_files.hostile import refusal

OPCODES = 64
"""Of the bombs: 2**64 things to show, compare or hash."""


def bomb(doublings: int = OPCODES) -> bytes:
    """A tuple of a tuple of a tuple …, twice each: on top of the stack and in memo 0."""
    return b"(t" + b"q\0" + b"h\0\x86q\0" * doublings


def npz(path: Path, body: bytes) -> Path:
    """An object array whose pickle is `body`."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    member = b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + b"\x80\x04" + body + b"."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", member)
    return path


def torch_file(path: Path, body: bytes) -> Path:
    """A zip as torch.save writes it, around a pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("x/version", b"3\n")
        archive.writestr("x/byteorder", b"little")
    return path


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def call(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


PLACES = {
    "the letters of a dtype": call("numpy", "dtype") + bomb() + b"\x85R",
    "a module": bomb() + text("dtype") + b"\x93",
    "a name": text("numpy") + bomb() + b"\x93",
    "what is called": bomb() + b")R",
    "what is called, by its name": text("os") + text("system") + b"\x93" + bomb() + b"\x85R",
    "arguments": call("numpy._core.multiarray", "scalar") + bomb() + b"R",
    "the kind of a number": call("numpy._core.multiarray", "scalar") + bomb() + b"C\x04aaaa\x86R",
    "the bytes of a number": call("numpy._core.multiarray", "scalar") + call("numpy", "dtype") + text("f4") + b"\x85R" + bomb() + b"\x86R",
    "a text to encode": call("_codecs", "encode") + bomb() + text("latin1") + b"\x86R",
    "an encoding": call("_codecs", "encode") + text("a") + bomb() + b"\x86R",
    "a byte order": call("numpy", "dtype") + text("f4") + b"\x85R(K\x03" + bomb() + b"NNNtb",
    "the state of a dtype": call("numpy", "dtype") + text("f4") + b"\x85R" + bomb() + b"b",
    "a shape": call("numpy._core.numeric", "_frombuffer") + b"(C\x04aaaa" + call("numpy", "dtype") + text("f4") + b"\x85R" + bomb() + text("C") + b"tR",
    "an order": call("numpy._core.numeric", "_frombuffer") + b"(C\x04aaaa" + call("numpy", "dtype") + text("f4") + b"\x85RK\x01\x85" + bomb() + b"tR",
    "axes": call("numpy._core.numeric", "_frombuffer") + b"(C\x04aaaa" + call("numpy", "dtype") + text("f4") + b"\x85RK\x01\x85" + text("K") + bomb() + b"tR",
    "a key": b"}" + bomb() + b"K\x01s",
    "a value": b"}" + text("w") + bomb() + b"s",
    "the state of an array": call("numpy._core.multiarray", "_reconstruct") + b")R" + bomb() + b"b",
    "an array's columns": call("numpy._core.multiarray", "_reconstruct") + b")R(K\x01K\x01\x85" + call("numpy", "dtype") + text("f4") + b"\x85R" + bomb() + b"C\x04aaaatb",
    "an instruction": bomb() + b"\x93",
    "nothing else": bomb(),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_tuple_of_tuples_is_neither_shown_nor_compared(tmp_path, place):
    file = npz(tmp_path / "u.npz", PLACES[place])
    assert file.stat().st_size < 1000
    if place not in ("a value", "nothing else", "an array's columns"):
        refusal(unpickle, b"\x80\x04" + PLACES[place] + b".", "u.npz")
    refusal(read_arrays, file, "u.npz")


@pytest.mark.parametrize("place", ["what is called", "a key", "arguments", "a value", "a name"])
def test_a_torch_file_has_a_deadline(tmp_path, monkeypatch, place):
    monkeypatch.setattr(vetting, "LEAST_SECONDS", 1)
    body = {
        "what is called": bomb() + b")R",
        "a key": b"}" + bomb() + b"K\x01s",
        "arguments": b"ctorch._utils\n_rebuild_tensor_v2\n" + bomb() + b"R",
        "a value": b"}" + b"X\x01\0\0\0w" + bomb() + b"s",
        "a name": b"cos\nsystem\n" + bomb() + b"\x85R",
    }[place]
    file = torch_file(tmp_path / "w.pt", body)
    first = refusal(read_state, file, "w.pt")
    assert refusal(read_state, file, "w.pt") == first  # at once
    if place in ("what is called", "a key"):
        assert "longer than 1 seconds" in first


def test_a_changed_file_is_read_again(tmp_path):
    file = npz(tmp_path / "u.npz", PLACES["a key"])
    refusal(read_arrays, file, "u.npz")
    np.savez(file, w=np.ones(3, np.float32))
    assert read_arrays(file, "u.npz")[0]["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("value", [{"data": 3}, [1], {"labels": [(1,)], "data": np.zeros((1, 3072), np.uint8)}])
def test_damaged_data_sets_are_named(tmp_path, monkeypatch, value):
    monkeypatch.setenv("GI_DATA", str(tmp_path))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps(value, 2))
    assert "damaged" in refusal(archives.read, "cifar10", "test")


def test_a_data_set_with_a_bomb_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("GI_DATA", str(tmp_path))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for body in PLACES.values():
        (folder / "test_batch").write_bytes(b"\x80\x04" + body + b".")
        archives._read.cache_clear()
        assert "damaged" in refusal(archives.read, "cifar10", "test")


def test_a_data_set_of_python_2_is_read(tmp_path, monkeypatch):
    """As the published files are: names and bytes are one kind of text."""
    monkeypatch.setenv("GI_DATA", str(tmp_path))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    pixels = np.arange(2 * 3072, dtype=np.uint64).astype(np.uint8).tobytes()
    body = (
        b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(K\x01K\x02eU\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05"
        b"cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87Rq\x09"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<I", len(pixels)) + pixels + b"tbu."
    )  # fmt: skip
    assert pickle.loads(body, encoding="latin1")["data"].shape == (2, 3072)
    (folder / "test_batch").write_bytes(body)
    archives._read.cache_clear()
    images, labels, _ = archives.read("cifar10", "test")
    assert labels.tolist() == [1, 2] and images.shape == (2, 32, 32, 3)
    assert images[0, 0, 0].tolist() == [0, 1024 % 256, 2048 % 256] and images[1, 0, 1, 0] == 3073 % 256
