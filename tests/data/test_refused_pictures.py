"""Pictures that are refused in one sentence: by their first bytes, their header, or because half is missing."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gi_core.data import opening
from gi_core.settings import SpecError
from tests.data.loaded import loaded


def _refusal(path) -> str:
    with pytest.raises(SpecError) as refused:
        loaded(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_program_called_png_is_never_opened(tmp_path, monkeypatch):
    def open_(*args, **kwargs):
        raise AssertionError("a decoder was asked")

    monkeypatch.setattr(opening.Image, "open", open_)
    for content in (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(%pipe%touch /tmp/owned) (w) file\n",
        b"\xc5\xd0\xd3\xc6" + bytes(60),  # EPS with a preview
        b"%PDF-1.4\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"MM\0\0not a tiff",
        b"\x7fELF" + bytes(100),
        b"",
        bytes(100),
        b"\xd7\xcd\xc6\x9a" + bytes(40),  # WMF
        b"SIMPLE  =                    T",  # FITS
        b"8BPS\0\1" + bytes(40),
    ):
        (tmp_path / "a.png").write_bytes(content)
        (tmp_path / "a.tga").write_bytes(content)
        for name in ("a.png", "a.tga"):
            assert "give a PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000, AVIF, TGA or DICOM file" in _refusal(
                tmp_path / name
            )


def _headers() -> dict[str, bytes]:
    """Files that promise more pixels than anybody has memory for."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    most = 2**31 - 1
    ifd = b"".join(
        struct.pack("<HHII", tag, kind, 1, value)
        for tag, kind, value in (
            (256, 4, most), (257, 4, most), (258, 3, 64), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
            (278, 4, most), (279, 4, 8), (339, 3, 3),
        )
    )  # fmt: skip
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\xff" * 2
    return {
        "png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", most, most, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b""),
        "bmp": b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, most, most, 1, 24, 0, 0, 0, 0, 0, 0),
        "tif": b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 10) + ifd + bytes(4),
        "ppm": b"P6\n2000000000 2000000000\n255\n" + bytes(10),
        "webp": b"RIFF" + struct.pack("<I", len(webp)) + webp,
        "gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0),
        "tga": struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 65535, 65535, 24, 0) + bytes(8),
    }  # fmt: skip


@pytest.mark.parametrize("suffix", list(_headers()))
def test_pictures_too_large_are_refused_by_their_header(tmp_path, suffix):
    import resource

    (tmp_path / f"a.{suffix}").write_bytes(_headers()[suffix])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = _refusal(tmp_path / f"a.{suffix}")
    assert "megapixels" in said or "not a readable picture" in said
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # kB


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tif", "ppm", "jp2", "avif", "tga"])
def test_half_a_file_is_refused_in_one_sentence(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    assert "not a readable picture" in _refusal(path)


def test_pictures_of_no_pixels_are_refused(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6\n0 5\n255\n")
    (tmp_path / "a.bmp").write_bytes(
        b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0)
    )
    for name in ("a.ppm", "a.bmp"):
        assert "no pixels" in _refusal(tmp_path / name) or "not a readable" in _refusal(tmp_path / name)


def test_no_other_place_opens_a_picture_without_naming_formats():
    import re
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    files = [f for folder in ("gi_core", "pages", "benchmarks") for f in (root / folder).rglob("*.py")]
    found = [
        f"{file.relative_to(root)}: {call}"
        for file in files
        for call in re.findall(r"Image\.open\([^\n]*", file.read_text())
        if "formats=" not in call
    ]
    assert not found
    core = {f.name for f in (root / "gi_core").rglob("*.py") if "Image.open(" in f.read_text()}
    shown = {
        "archive_reading.py",
        "federations.py",
    }  # PNGs of a run: looked at in a process of its own, or written here
    assert core == {"opening.py", "pillow_files.py", "wide.py"} | shown
