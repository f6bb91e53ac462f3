"""Files made to harm: each is one sentence, soon, whatever it says of itself."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import resource
import signal
import struct
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi_core.common import vetting
from gi_core.common.vetting import vetted
from gi_core.common.zips import contents
from gi_core.data import archives
from gi_core.settings import SpecError
from gi_core.tensor_files.reading import is_torch, read_arrays
from gi_core.tensor_files.safetensors import MOST_HEADER, read_safetensors
from gi_core.tensor_files.unpickling import unpickle
from gi_core.tensor_files.weights import load_state, read_state
from gi_core.update_files.round import arrays

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


@pytest.fixture(autouse=True)
def seconds():
    """No reading of this file may take the processor long, in this process or in a child."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    yield
    after = resource.getrusage(resource.RUSAGE_SELF).ru_utime + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert after - before < 60


def refused(call, *arguments) -> str:
    with pytest.raises(SpecError) as error:
        call(*arguments)
    said = str(error.value)
    assert "\n" not in said and len(said) < 600
    return said


@pytest.mark.parametrize("place", PLACES)
def test_a_tuple_of_tuples_is_neither_shown_nor_compared(tmp_path, place):
    file = npz(tmp_path / "u.npz", PLACES[place])
    assert file.stat().st_size < 1000
    if place not in ("a value", "nothing else", "an array's columns"):
        refused(unpickle, b"\x80\x04" + PLACES[place] + b".", "u.npz")
    refused(read_arrays, file, "u.npz")


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
    first = refused(read_state, file, "w.pt")
    assert refused(read_state, file, "w.pt") == first  # at once
    if place in ("what is called", "a key"):
        assert "longer than 1 seconds" in first


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
        refused(read, file, "w.safetensors")


def _few(values):
    values = list(values)
    assert len(values) <= 32 and all(abs(v) <= 2**40 for v in values)
    result = 1
    for value in values:
        result *= value
    return result


def test_a_header_larger_than_any_is_not_read(tmp_path):
    file = safetensors(tmp_path / "w.safetensors", b"{" + b" " * MOST_HEADER + b"}")
    assert "header of 8 MiB" in refused(read_arrays, file, "w") and "header of 8 MiB" in refused(read_state, file, "w")


def tensors() -> dict[str, torch.Tensor]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "a sparse tensor": torch.eye(3).to_sparse(),
            "a sparse tensor ": torch.eye(4).to_sparse_csr(),
            "without values (meta)": torch.empty(3, device="meta"),
            "a quantised tensor": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
            "complex numbers": torch.ones(3, dtype=torch.complex64),
            "of the kind float8_e4m3fn": torch.ones(3).to(torch.float8_e4m3fn),
            "unpack to more": torch.zeros(1).expand(2**30),
        }


@pytest.mark.parametrize("says", tensors())
def test_tensors_that_are_no_plain_numbers_are_named(tmp_path, says):
    file = tmp_path / "w.pt"
    torch.save({"good": torch.ones(2), "bad": tensors()[says]}, file)
    for said in (refused(read_state, file, "w.pt"), refused(lambda f: arrays(str(f)), file)):
        assert says.strip() in said or "hold code" in said or "no weights file" in said
        assert says.strip() in said or says.startswith("a quantised")  # torch itself refuses some of them


def test_plain_tensors_of_every_kind_are_read(tmp_path):
    given = {
        "parameter": torch.nn.Parameter(torch.ones(2, 2)), "half": torch.ones(2).half(), "whole": torch.tensor([1, 2]),
        "truth": torch.tensor([True]), "brain": torch.ones(2, dtype=torch.bfloat16), "turned": torch.ones(2, 3).T,
        "scalar": torch.tensor(3.0), "empty": torch.zeros(0, 3), "negative": torch.ones(2)._neg_view(),
    }  # fmt: skip
    torch.save(given, tmp_path / "w.pt")
    read = arrays(str(tmp_path / "w.pt"))[0]
    assert list(read) == list(given)
    for key, value in given.items():
        np.testing.assert_array_equal(read[key], value.detach().float().resolve_neg().numpy())


def test_an_archive_that_lists_millions_is_not_listed(tmp_path):
    file = tmp_path / "u.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("w.npy", b"")
    content = bytearray(file.read_bytes())
    end = content.rfind(b"PK\5\6")
    content[end + 12 : end + 16] = struct.pack("<I", 2**31)
    file.write_bytes(content)
    assert "too many members" in refused(contents, file, "u.npz")
    assert not is_torch(file) and "too many members" in refused(read_arrays, file, "u.npz")
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_001):
            archive.writestr(f"{number}.npy", b"")
    assert "20001 members" in refused(read_arrays, file, "u.npz")


def test_a_reading_that_ends_its_process_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x")
    for name, read in (
        ("ended a process", lambda: os.kill(os.getpid(), signal.SIGALRM)),
        ("more than", lambda: bytearray(2**40)),
        ("own words", lambda: (_ for _ in ()).throw(SpecError("own words"))),
    ):
        monkeypatch.setattr(vetting, "_known", {})
        assert name in refused(vetted, tmp_path / "a", "a file", read)
    monkeypatch.setattr(vetting, "_known", {})
    monkeypatch.setattr(vetting, "WALL_SECONDS", 0.2)
    assert "longer than" in refused(vetted, tmp_path / "a", "a file", lambda: threading.Event().wait(100))
    monkeypatch.setattr(vetting, "_known", {})
    vetted(tmp_path / "a", "a file", lambda: 1 / 0)  # the process itself meets the same, and says it


def test_a_changed_file_is_read_again(tmp_path):
    file = npz(tmp_path / "u.npz", PLACES["a key"])
    refused(read_arrays, file, "u.npz")
    np.savez(file, w=np.ones(3, np.float32))
    assert read_arrays(file, "u.npz")[0]["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("value", [{"data": 3}, [1], {"labels": [(1,)], "data": np.zeros((1, 3072), np.uint8)}])
def test_damaged_data_sets_are_named(tmp_path, monkeypatch, value):
    monkeypatch.setenv("GI_DATA", str(tmp_path))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps(value, 2))
    assert "damaged" in refused(archives.read, "cifar10", "test")


def test_a_data_set_with_a_bomb_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("GI_DATA", str(tmp_path))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for body in PLACES.values():
        (folder / "test_batch").write_bytes(b"\x80\x04" + body + b".")
        archives._read.cache_clear()
        assert "damaged" in refused(archives.read, "cifar10", "test")


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


SEEDS: list[bytes] = []


def seeds() -> list[bytes]:
    if not SEEDS:
        buffer = io.BytesIO()
        np.savez(buffer, a=np.ones((2, 3), np.float32), b=np.array({"w": np.ones(3)}, dtype=object))
        SEEDS.append(buffer.getvalue())
        buffer = io.BytesIO()
        torch.save({"w": torch.ones(2, 3), "n": torch.tensor(3)}, buffer)
        SEEDS.append(buffer.getvalue())
        from safetensors.torch import save

        SEEDS.append(save({"w": torch.ones(2, 3)}))
        SEEDS.append(pickle.dumps({"w": np.ones(3)}))
    return SEEDS


@given(
    st.integers(0, 3),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=0, max_size=4)), max_size=4),
    st.floats(0, 1),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_to_a_file_ends_in_a_traceback(tmp_path, which, changes, cut):
    content = bytearray(seeds()[which])
    for where, what in changes:
        at = int(where * len(content))
        content[at : at + len(what)] = what
    if cut > 0.8:
        del content[int((cut - 0.8) * 5 * len(content)) :]
    file = tmp_path / "any"
    file.write_bytes(content)
    for read in (lambda: read_arrays(file, "any"), lambda: read_state(file, "any"), lambda: arrays(str(file))):
        try:
            read()
        except SpecError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("value", ["1e308", "int8", "bool", "int64", "uint16", "nan"])
def test_weights_that_the_network_cannot_hold_are_refused(tmp_path, value):
    """Not turned into infinities, nor codes of a quantised network taken for its values."""
    model = torch.nn.Linear(3, 2)
    before = model.weight.detach().clone()
    if value in ("1e308", "nan"):
        weight = torch.full((2, 3), float(value), dtype=torch.float64)
    else:
        weight = torch.ones(2, 3).to(getattr(torch, value))
    torch.save({"weight": weight, "bias": torch.zeros(2)}, tmp_path / "w.pt")
    said = refused(load_state, model, read_state(tmp_path / "w.pt", "w.pt"), "w.pt")
    assert "not finite" in said if value in ("1e308", "nan") else "whole numbers in weight" in said
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
def test_weights_of_other_real_kinds_are_taken(tmp_path, kind):
    model = torch.nn.Linear(3, 2)
    torch.save({"weight": torch.full((2, 3), 0.5).to(getattr(torch, kind)), "bias": torch.zeros(2)}, tmp_path / "w.pt")
    load_state(model, read_state(tmp_path / "w.pt", "w.pt"), "w.pt")
    assert (model.weight == 0.5).all()
