"""Reading picture files safely, and fitting pictures to a square."""

from __future__ import annotations

import io
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gi_core.spec.base import SpecError

MAX_PIXELS = 100_000_000  # larger files are refused from their header, before anything is decoded
MAX_FILE_BYTES = 256 * 2**20
KEEP_SIDE = 2048  # larger pictures are reduced while decoding: no sample is larger than 512
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


def read_image(path: Path, name: str | None = None) -> tuple[np.ndarray, str]:
    """A picture file as uint8 (H, W) or (H, W, 3), upright, and its size as written "WxH".

    The header is checked before decoding. Transparency is laid on white, 16 bits become 8, and of
    an animation the first frame is taken. Raises SpecError.
    """
    name = name or str(path)
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise SpecError(f"{name} is not a file: give a PNG or JPEG file")  # a device or pipe may never end
        if status.st_size > MAX_FILE_BYTES:
            raise SpecError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MB: give a smaller picture")
        content = path.read_bytes()
    except IsADirectoryError:
        raise SpecError(f"{name} is a folder: write folder:{name}:KEY for a picture in it") from None
    except OSError as error:
        raise SpecError(f"cannot read {name}: {error.strerror or error}") from None
    return _decode(content, name)


def _decode(content: bytes, name: str) -> tuple[np.ndarray, str]:
    too_large = f"{name} has more than {MAX_PIXELS // 10**6} megapixels: give a smaller picture"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content))
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise SpecError(too_large)
            if width * height > KEEP_SIDE**2:
                image.draft(None, (KEEP_SIDE, KEEP_SIDE))  # JPEG only: decodes at 1/2, 1/4, 1/8
            upright = ImageOps.exif_transpose(image)
            return np.asarray(_eight_bits(upright)), f"{width}x{height}"
    except Image.DecompressionBombError:
        raise SpecError(too_large) from None
    except SpecError:
        raise
    except Exception:  # Pillow's decoders raise many kinds on damaged files
        raise SpecError(f"{name} is not a readable picture: give a PNG or JPEG file") from None


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB"):
        image.load()
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") else max(float(values.max(initial=0.0)), 1.0)
        return Image.fromarray((np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8))
    grey = image.mode in ("LA", "La")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if grey else "RGB")


def channels_of(pixels: np.ndarray) -> int:
    """1 for (H, W), 3 for (H, W, 3)."""
    return 1 if pixels.ndim == 2 else 3


def fit(pixels: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Centre crop to a square and antialiased (Lanczos) resize: uint8 (C, size, size).

    Exact where the picture is already square and of that size. Grey becomes three equal channels,
    colour becomes luminance (ITU-R 601).
    """
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    square = pixels[top : top + side, left : left + side]
    if channels_of(square) != channels or side != size:
        image = Image.fromarray(np.ascontiguousarray(square))
        if channels_of(square) != channels:
            image = image.convert("L" if channels == 1 else "RGB")
        if side != size:
            image = image.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
        square = np.asarray(image)
    return square[None] if square.ndim == 2 else np.ascontiguousarray(square.transpose(2, 0, 1))


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)
