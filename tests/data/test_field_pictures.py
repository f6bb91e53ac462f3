"""Pictures as they come from the field: many bits, many shapes, many formats, and hostile ones."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from gi_core import data
from gi_core.data import opening
from gi_core.data.opening import read_image
from gi_core.settings import Experiment, SpecError


@pytest.fixture
def field(shared_data):
    if not (shared_data / "field").is_dir():
        pytest.skip("needs the files in ../shared/data/field")
    return shared_data / "field"


def _load(*samples, **values) -> data.Pictures:
    return data.load(Experiment(samples=tuple(map(str, samples)), **values))


def _png(values: np.ndarray) -> bytes:
    """A 16-bit PNG of (H, W, C), C of 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha; Pillow writes only the first."""
    height, width, channels = values.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _written(path, values: np.ndarray, **more):
    tifffile.imwrite(path, values, **more)
    return path


def _ramp(low: float, high: float, kind) -> np.ndarray:
    return np.linspace(low, high, 64).reshape(8, 8).astype(kind)


# What the field brought


def test_a_12_bit_picture_in_a_16_bit_file_is_windowed_and_the_window_said(field):
    pictures = _load(field / "g12in16.png", size=64)
    stored = np.asarray(Image.open(field / "g12in16.png", formats=("PNG",)), float)
    assert stored.max() == 4080  # of 65535: nearly black before
    assert np.abs(pictures.images[0, 0] - stored / 4095).max() <= 0.5 / 255 + 1e-6
    assert "values from 0 to 4095 are shown as black to white (12 bits)" in pictures.notices


def test_the_window_of_a_picture_is_a_part_of_its_reference(field):
    for view in ("#window=1000/500", "#range=750..1250"):
        pictures = _load(f"{field}/g12in16.png{view}", size=64)
        stored = np.asarray(Image.open(field / "g12in16.png", formats=("PNG",)), float)
        wanted = np.clip((stored - 750) / 500, 0, 1)
        assert np.abs(pictures.images[0, 0] - wanted).max() <= 0.5 / 255 + 1e-6
        said = next(n for n in pictures.notices if n.startswith("values"))
        assert said.startswith("values from 750 to 1250 are shown as black to white (as set); ")
        assert f"{100 * np.mean((stored < 750) | (stored > 1250)):.1f} % of the values lie outside" in said


def test_a_wide_picture_is_cut_and_it_is_said_or_kept_whole(field):
    own = np.asarray(Image.open(field / "wide.png", formats=("PNG",)).convert("RGB"))
    assert own.shape == (64, 96, 3)
    square = _load(field / "wide.png", size=64, channels=3)
    assert square.notices[0] == "the middle 64x64 of 96x64 is used"
    assert np.array_equal(square.images[0], (own[:, 16:80] / np.float32(255)).transpose(2, 0, 1))
    for size in ("own", "64x96"):
        whole = _load(field / "wide.png", size=size, channels=3)
        assert whole.images.shape == (1, 3, 64, 96)
        assert np.array_equal(whole.images[0], (own / np.float32(255)).transpose(2, 0, 1))
        assert not any("middle" in n or "resized" in n for n in whole.notices)
    assert _load(field / "wide.png", size=32).notices[0] == "the middle 64x64 of 96x64 is used, resized to 32x32"
    assert _load(field / "wide.png", size="32x48").notices[0] == "resized from 96x64 to 48x32"


# Values of many bits


@pytest.mark.parametrize(
    ("kind", "low", "high", "window"),
    [
        ("uint16", 0, 65535, (0, 65535)),
        ("uint16", 5, 16000, (0, 16383)),
        ("uint16", 0, 4000, (0, 4095)),
        ("uint16", 0, 255, (0, 255)),
        ("uint16", 1000, 1063, (1000, 1063)),  # would be one grey
        ("int16", -1024, 3071, (-1024, 3071)),
        ("int8", -100, 100, (-100, 100)),
        ("int32", -1000, 100_000, (-1000, 100_000)),
        ("int32", 0, 3_000_000, (0, 3_000_000)),
        ("uint32", 0, 4_000_000_000, (0, 4_000_000_000)),
        ("float32", -1024.5, 3000, (-1024.5, 3000)),
        ("float64", -1024.5, 3000, (-1024.5, 3000)),
        ("float16", 0, 1500, (0, 1500)),
        ("float32", 0, 0.9, (0, 1)),
        ("float32", 0.5, 0.51, (0.5, 0.51)),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_values_of_every_kind_are_windowed_by_one_rule(tmp_path, kind, low, high, window, order):
    values = _ramp(low, high, kind)
    found = read_image(_written(tmp_path / "a.tif", values, byteorder=order))
    first, last = (float(np.float64(np.asarray(edge, kind))) for edge in window)
    wanted = (values.astype(float) - first) / (last - first)
    assert np.abs(found.pixels / 255 - wanted).max() <= 0.51 / 255
    said = [n for n in found.notices if n.startswith("values from")]
    assert bool(said) == (window != (0, 1)) and "clipped" not in "".join(said)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_12_bits_of_several_channels_are_not_cut_to_the_high_byte(tmp_path, channels):
    values = np.random.default_rng(channels).integers(0, 4096, (8, 8, channels))
    values[0, 0] = 4095
    if channels in (2, 4):
        values[..., -1] = 65535  # opaque
    (tmp_path / "a.png").write_bytes(_png(values))
    found = read_image(tmp_path / "a.png")
    colour = values[..., : 1 if channels < 3 else 3] / 4095
    assert np.abs(found.pixels.reshape(colour.shape) / 255 - colour).max() <= 0.51 / 255
    assert found.notices == ("values from 0 to 4095 are shown as black to white (12 bits)",)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colour_tiff_of_16_bits(tmp_path, compression):
    values = np.random.default_rng(0).integers(0, 1024, (8, 9, 3)).astype(np.uint16)
    path = _written(tmp_path / "a.tif", values, photometric="rgb", compression=compression)
    assert np.abs(read_image(path).pixels / 255 - values / 1023).max() <= 0.51 / 255


def test_values_that_are_not_numbers_are_black_and_no_window_is_drawn_from_them(tmp_path):
    values = _ramp(-1000, 1000, np.float32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    found = read_image(_written(tmp_path / "a.tif", values))
    assert found.pixels[0, 0] == 0 and found.pixels[0, 1] == 255 and found.pixels[-1, -1] == 255
    assert "of the values lie outside" in found.notices[0]
    with pytest.raises(SpecError, match="no finite value"):
        read_image(_written(tmp_path / "b.tif", np.full((4, 4), np.nan, np.float32)))


# Shapes and rectangles


def test_a_crop_is_a_part_of_the_reference(tmp_path):
    pixels = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = _load(f"{tmp_path}/a.png#crop=8x6+10+3", size="own")
    assert np.array_equal(np.rint(found.images[0, 0] * 255), pixels[3:9, 10:18])
    assert found.notices == ("8x6 of 30x20 were chosen, from (10, 3)",)
    for view, sentence in (
        ("#crop=8x6+25+3", "reaches over the edge"),
        ("#crop=8x6", "WIDTHxHEIGHT"),
        ("#crop=0x6+0+0", "WIDTHxHEIGHT"),
        ("#window=5/0", "width above 0"),
        ("#window=nan/4", "CENTRE/WIDTH"),
        ("#range=5..2", "no width"),
        ("#range=1..2#window=1/2", "one window"),
        ("#crop=1x1+0+0#crop=1x1+0+0", "one crop"),
    ):
        with pytest.raises(SpecError, match=sentence.replace("+", r"\+")):
            _load(f"{tmp_path}/a.png{view}")


def test_bundled_pictures_and_files_with_odd_names_have_views_too(tmp_path):
    whole, cut = _load("bundled/astronaut", size=512), _load("bundled/astronaut#crop=64x48+100+200", size="own")
    assert np.array_equal(cut.images[0], whole.images[0][:, 200:248, 100:164])
    odd = tmp_path / "a#crop=1x1+0+0"
    Image.new("L", (8, 8), 51).save(odd, "PNG")
    assert _load(odd).images.shape == (1, 1, 8, 8)


def test_pictures_kept_whole_share_a_shape_and_fit_the_bounds(tmp_path):
    for name, size in (("a", (30, 20)), ("b", (20, 30)), ("c", (2000, 100))):
        Image.new("L", size).save(tmp_path / f"{name}.png")
    with pytest.raises(SpecError, match="20x30 and 30x20"):
        _load(tmp_path / "a.png", tmp_path / "b.png", size="own")
    with pytest.raises(SpecError, match="such as 4x64"):
        _load(tmp_path / "c.png", size="own")


@pytest.mark.parametrize(
    ("given", "kept"),
    [("64x96", "64x96"), ("64 X 96", "64x96"), ("32", 32), ("32x32", 32), ([8, 9], "8x9"), ("own", "own")],
)
def test_sizes_are_kept_in_one_way(given, kept):
    asked = Experiment(size=given)
    assert asked.size == kept and Experiment.model_validate_json(asked.to_json()) == asked


@pytest.mark.parametrize(
    "given", ["", "x", "3", "2x8", "8x1000", "-8", "8x", "8x8x8", 8.5, True, [8], "9" * 400, 10**40]
)
def test_other_sizes_are_refused(given):
    with pytest.raises(ValueError, match="give"):
        Experiment(size=given)


# Formats


@pytest.mark.parametrize("suffix", ["jfif", "jp2", "avif", "tga", "webp", "gif", "bmp", "tiff", "ppm", "pgm"])
def test_formats_of_phones_scanners_and_papers(tmp_path, suffix):
    path = tmp_path / "cat" / f"a.{suffix}"
    path.parent.mkdir()
    picture = Image.new("L" if suffix == "pgm" else "RGB", (16, 12), 200 if suffix == "pgm" else (200, 100, 50))
    picture.save(path, format={"jfif": "JPEG"}.get(suffix))
    for ref in (path, f"folder:{tmp_path}:a", f"folder:{tmp_path}:0"):
        images = _load(ref, size="own").images
        assert images.shape[2:] == (12, 16) and images[0, 0].mean() * 255 == pytest.approx(200, abs=4)


def test_tga_by_rows_and_by_lengths(tmp_path):
    for mode, more in (("L", {}), ("RGB", {}), ("RGBA", {}), ("P", {}), ("L", {"compression": "tga_rle"})):
        Image.new("RGB", (16, 12), (9, 8, 7)).convert(mode).save(tmp_path / "a.tga", **more)
        assert read_image(tmp_path / "a.tga").written == (16, 12)


def test_only_the_first_frame_is_taken_and_it_is_said(tmp_path):
    first, second = (Image.new("L", (8, 8), k) for k in (51, 204))
    for name in ("a.gif", "a.tif", "a.webp", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
        found = read_image(tmp_path / name)
        assert abs(int(found.pixels.flat[0]) - 51) <= 1 and "the first is taken" in found.notices[0]


def test_what_was_done_to_ink_and_transparency_is_said(tmp_path):
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    half.save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png")
    assert abs(int(found.pixels[0, 0, 0]) - 127) <= 1 and found.notices == ("transparent parts are laid on white",)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    found = read_image(tmp_path / "a.jpg")
    assert found.pixels[0, 0, 0] > 240 and found.pixels[0, 0, 1] < 15 and "from CMYK to RGB" in found.notices[0]


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_of_a_camera_is_followed(tmp_path, turn):
    from PIL import ImageOps

    picture = Image.fromarray(np.arange(6 * 8, dtype=np.uint8).reshape(6, 8))
    exif = Image.Exif()
    exif[0x0112] = turn
    picture.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png", formats=("PNG",)) as file:
        wanted = np.asarray(ImageOps.exif_transpose(file))
    found = read_image(tmp_path / "a.png")
    assert np.array_equal(found.pixels, wanted) and found.written == wanted.shape[::-1]


# Hostile ones


def _refusal(path) -> str:
    with pytest.raises(SpecError) as refused:
        _load(path)
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
    assert core == {"opening.py", "pillow_files.py", "wide.py"}
