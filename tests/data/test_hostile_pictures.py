"""Pictures made to harm: a child tries first whatever may take long or much memory, and one sentence says what came of it."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gi_core.cli import main
from gi_core.common import vetting
from gi_core.common.paths import first_bytes
from gi_core.common.vetting import Bounds
from gi_core.data import opening
from gi_core.data.opening import decode, light, read_image
from gi_core.settings import SpecError
from gi_core.tensor_files.reading import read_arrays
from gi_core.tensor_files.weights import read_state

MIB = 2**20


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """A second and little memory are enough to see that both end."""
    monkeypatch.setattr(vetting, "_known", {})
    monkeypatch.setattr(opening, "_last", {})
    monkeypatch.setattr(opening, "BOUNDS", Bounds(1, 192 * MIB, "give a smaller picture"))


def written(kind: str, size=(16, 16), mode="L", **how) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 7).save(file, kind, **how)
    return file.getvalue()


def tiff(side: int, data: bytes, strips: int = 1, bits: int = 64, compression: int = 1) -> bytes:
    """A square picture of one channel as its header says; all strips are `data`, or lie at its start."""
    after = 8 + 2 + 12 * 10 + 4
    table = struct.pack("<I", after) * strips
    where = struct.pack("<I", after) if strips == 1 else struct.pack("<I", after + len(data))
    sizes = struct.pack("<I", len(data)) if strips == 1 else struct.pack("<I", after + len(data) + len(table))
    entries = [
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, bits), (259, 3, 1, compression), (262, 3, 1, 1), (273, 4, strips, where),
        (277, 3, 1, 1), (278, 4, 1, side if strips == 1 else 1), (279, 4, strips, sizes), (339, 3, 1, 3 if bits == 64 else 1),
    ]  # fmt: skip
    body = b"".join(
        struct.pack("<HHI", tag, kind, count) + (value if isinstance(value, bytes) else struct.pack("<I", value))
        for tag, kind, count, value in entries
    )
    more = table + struct.pack("<I", 1) * strips if strips > 1 else b""
    return b"II*\0" + struct.pack("<IH", 8, 10) + body + bytes(4) + data + more


def scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    content = written("JPEG", (side, side), progressive=True)
    last = content[content.rfind(b"\xff\xda") : -2]
    return content[:-2] + last * count + b"\xff\xd9"


def zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mebibytes)) + packer.flush()


LONG = "takes longer than 1 seconds"
MUCH = "needs more memory than is allowed"
BOMBS = {
    "a JPEG of 4,000 scans": (lambda: scans(2000, 4000), LONG),
    "a TIFF of 900,000 strips": (lambda: tiff(64, b"\1", strips=900_000, bits=8), LONG),
    "a TIFF strip that unpacks to 512 MiB": (lambda: tiff(64, zeros(512), compression=8), MUCH),
    "a WebP of 60 megapixels": (lambda: written("WEBP", (8000, 7500), "RGB", quality=1, method=0), "give a"),
}


@pytest.mark.parametrize("which", BOMBS)
def test_a_bomb_ends_in_a_child_with_a_sentence(which):
    make, says = BOMBS[which]
    content = make()
    assert len(content) < 8 * MIB
    with pytest.raises(SpecError) as error:
        decode(content, "bomb")
    assert says in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("which", ["items", "elements"])
def test_a_dicom_file_of_half_a_million_parts_has_a_deadline(which):
    pytest.importorskip("pydicom")
    head = b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0"
    meta = bytes(128) + b"DICM" + b"\x02\0\0\0UL\4\0" + struct.pack("<I", len(head)) + head
    if which == "items":
        body = (
            b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\0\0\0\0" * 500_000 + b"\xfe\xff\xdd\xe0\0\0\0\0"
        )
    else:
        body = b"".join(struct.pack("<HH", 9, k) + b"LO\0\0" for k in range(2**16)) * 8
    with pytest.raises(SpecError, match="longer than 1 seconds|without a picture"):
        decode(meta + body, "parts.dcm")


@pytest.mark.parametrize(
    ("content", "kind", "quick"),
    [
        (written("PNG"), "PNG", True), (written("JPEG"), "JPEG", True), (written("WEBP"), "WEBP", True), (written("GIF"), "GIF", True),
        (written("PNG", (2001, 2000)), "PNG", False), (written("TIFF"), "TIFF", False), (written("JPEG2000"), "JPEG2000", False),
        (scans(8, 100), "JPEG", False), (written("PNG") + bytes(9 * MIB), "PNG", False), (b"\x89PNG\r\n\x1a\n", "PNG", True),
    ],
)  # fmt: skip
def test_only_what_its_header_shows_to_be_small_is_decoded_at_once(content, kind, quick):
    assert light(content, kind) is quick


def test_a_picture_that_was_tried_once_is_not_tried_again(monkeypatch):
    content, calls, decoded = written("TIFF"), [], opening._decoded
    monkeypatch.setattr(vetting, "_fault", lambda *_: calls.append("child") or "")
    monkeypatch.setattr(opening, "_decoded", lambda *a: calls.append("here") or decoded(*a))
    first = decode(content, "a.tif").pixels
    first[:] = 0
    assert (decode(content, "a.tif").pixels == 7).all() and calls == ["child", "here"], (
        "and nobody changes what is kept"
    )


def test_what_libraries_remark_is_no_line_of_ours(tmp_path, gi_home, capsys, caplog):
    (tmp_path / "a.tif").write_bytes(tiff(64, b"\1" * 64, strips=70))
    assert main(["attack", "--sample", str(tmp_path / "a.tif"), "--size", "8", "--model", "lenet:width=2"]) == 2
    assert [line[:6] for line in capsys.readouterr().err.splitlines()] == ["error:"]


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "nothing in it", "a device"])
def test_what_is_no_file_is_never_waited_for(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("gi_core.common.paths.PATIENCE", 0.05)
    path = tmp_path / "x"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(b"")
    for read in (lambda: read_image(path), lambda: read_state(path, "x"), lambda: read_arrays(path, "x")):
        with pytest.raises(SpecError) as error:
            read()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", [["federate"], ["sweep"], ["attack", "--experiment"]])
def test_settings_are_not_waited_for_either(tmp_path, gi_home, monkeypatch, capsys, command):
    monkeypatch.setattr("gi_core.common.paths.PATIENCE", 0.05)
    os.mkfifo(tmp_path / "f.json")
    for file in (tmp_path / "f.json", tmp_path, "/dev/zero"):
        assert main([*command, str(file)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_settings_come_through_a_pipe():
    end, inside = os.pipe()
    os.write(inside, b"{}")
    os.close(inside)
    assert first_bytes(f"/dev/fd/{end}", 100) == b"{}" and first_bytes("/dev/zero", 100) == bytes(100)
    os.close(end)


@pytest.mark.parametrize("name", ["a\x1b[31mb.png", "a\u202eb.png", "a\x07\x9bb.png"])
def test_a_name_does_not_move_the_terminals_cursor(tmp_path, gi_home, capsys, name):
    (tmp_path / name).write_bytes(b"no picture")
    assert main(["attack", "--sample", str(tmp_path / name)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and printed.rstrip("\n").isprintable()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_beyond_all_measure_are_windowed_or_named(tmp_path, dtype):
    tifffile = pytest.importorskip("tifffile")
    top = np.finfo(dtype).max
    for number, values in enumerate(([top, -top], [np.inf, 1.0], [np.nan, -np.inf], [top, top])):
        tifffile.imwrite(tmp_path / f"{number}.tif", np.array([values * 8] * 16, dtype))
        try:
            assert read_image(tmp_path / f"{number}.tif").pixels.dtype == np.uint8
        except SpecError as error:
            assert "no finite value" in str(error)


def test_an_experiment_that_names_a_device_or_a_pipe_is_refused(tmp_path, gi_home, capsys):
    """The update is looked into by several readers: none of them may wait, or read without end."""
    import torch

    torch.save({"w": torch.zeros(3)}, tmp_path / "c.pt")
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", "/dev/zero"):
        for parts in (
            {"checkpoint": str(tmp_path / "c.pt"), "update": str(file)},
            {"checkpoint": str(file), "update": str(file)},
        ):
            asked = {
                "recorded": parts,
                "samples": ["bundled/faces:3"],
                "size": 8,
                "channels": 1,
                "model": {"kind": "lenet", "width": 2},
            }
            (tmp_path / "e.json").write_text(json.dumps(asked))
            assert main(["attack", "--experiment", str(tmp_path / "e.json")]) == 2
            assert capsys.readouterr().err.count("\n") == 1
