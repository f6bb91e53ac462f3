"""Formats of phones, scanners and papers: read in colour, upright, first frame, and what was done is said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gi_core.data.opening import read_image
from tests.data.loaded import loaded


@pytest.mark.parametrize("suffix", ["jfif", "jp2", "avif", "tga", "webp", "gif", "bmp", "tiff", "ppm", "pgm"])
def test_formats_of_phones_scanners_and_papers(tmp_path, suffix):
    path = tmp_path / "cat" / f"a.{suffix}"
    path.parent.mkdir()
    picture = Image.new("L" if suffix == "pgm" else "RGB", (16, 12), 200 if suffix == "pgm" else (200, 100, 50))
    picture.save(path, format={"jfif": "JPEG"}.get(suffix))
    for ref in (path, f"folder:{tmp_path}:a", f"folder:{tmp_path}:0"):
        images = loaded(ref, size="own").images
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
