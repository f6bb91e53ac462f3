"""Pictures as they come from the field: many bits, windows, crops, sizes."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from gi_core.data.opening import read_image
from gi_core.settings import Experiment, SpecError
from tests.data.loaded import loaded


@pytest.fixture
def field(shared_data):
    if not (shared_data / "field").is_dir():
        pytest.skip("needs the files in ../shared/data/field")
    return shared_data / "field"


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


def test_a_12_bit_picture_in_a_16_bit_file_is_windowed_and_the_window_said(field):
    pictures = loaded(field / "g12in16.png", size=64)
    stored = np.asarray(Image.open(field / "g12in16.png", formats=("PNG",)), float)
    assert stored.max() == 4080  # of 65535: nearly black before
    assert np.abs(pictures.images[0, 0] - stored / 4095).max() <= 0.5 / 255 + 1e-6
    assert "values from 0 to 4095 are shown as black to white (12 bits)" in pictures.notices


def test_the_window_of_a_picture_is_a_part_of_its_reference(field):
    for view in ("#window=1000/500", "#range=750..1250"):
        pictures = loaded(f"{field}/g12in16.png{view}", size=64)
        stored = np.asarray(Image.open(field / "g12in16.png", formats=("PNG",)), float)
        wanted = np.clip((stored - 750) / 500, 0, 1)
        assert np.abs(pictures.images[0, 0] - wanted).max() <= 0.5 / 255 + 1e-6
        said = next(n for n in pictures.notices if n.startswith("values"))
        assert said.startswith("values from 750 to 1250 are shown as black to white (as set); ")
        assert f"{100 * np.mean((stored < 750) | (stored > 1250)):.1f} % of the values lie outside" in said


def test_a_wide_picture_is_cut_and_it_is_said_or_kept_whole(field):
    own = np.asarray(Image.open(field / "wide.png", formats=("PNG",)).convert("RGB"))
    assert own.shape == (64, 96, 3)
    square = loaded(field / "wide.png", size=64, channels=3)
    assert square.notices[0] == "the middle 64x64 of 96x64 is used"
    assert np.array_equal(square.images[0], (own[:, 16:80] / np.float32(255)).transpose(2, 0, 1))
    for size in ("own", "64x96"):
        whole = loaded(field / "wide.png", size=size, channels=3)
        assert whole.images.shape == (1, 3, 64, 96)
        assert np.array_equal(whole.images[0], (own / np.float32(255)).transpose(2, 0, 1))
        assert not any("middle" in n or "resized" in n for n in whole.notices)
    assert loaded(field / "wide.png", size=32).notices[0] == "the middle 64x64 of 96x64 is used, resized to 32x32"
    assert loaded(field / "wide.png", size="32x48").notices[0] == "resized from 96x64 to 48x32"


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


def test_a_crop_is_a_part_of_the_reference(tmp_path):
    pixels = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = loaded(f"{tmp_path}/a.png#crop=8x6+10+3", size="own")
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
            loaded(f"{tmp_path}/a.png{view}")


def test_bundled_pictures_and_files_with_odd_names_have_views_too(tmp_path):
    whole, cut = loaded("bundled/astronaut", size=512), loaded("bundled/astronaut#crop=64x48+100+200", size="own")
    assert np.array_equal(cut.images[0], whole.images[0][:, 200:248, 100:164])
    odd = tmp_path / "a#crop=1x1+0+0"
    Image.new("L", (8, 8), 51).save(odd, "PNG")
    assert loaded(odd).images.shape == (1, 1, 8, 8)


def test_pictures_kept_whole_share_a_shape_and_fit_the_bounds(tmp_path):
    for name, size in (("a", (30, 20)), ("b", (20, 30)), ("c", (2000, 100))):
        Image.new("L", size).save(tmp_path / f"{name}.png")
    with pytest.raises(SpecError, match="20x30 and 30x20"):
        loaded(tmp_path / "a.png", tmp_path / "b.png", size="own")
    with pytest.raises(SpecError, match="such as 4x64"):
        loaded(tmp_path / "c.png", size="own")


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
