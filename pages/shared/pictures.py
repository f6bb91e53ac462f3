"""Arrays of pixels to things a page can show: montages, PNG, data URIs."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from PIL import Image

GAP = 1


def montage(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) uint8 tiled into one (h, w, C), near square, `GAP` grey pixels between."""
    count, height, width, channels = images.shape
    if count == 1:
        return images[0]
    columns = math.ceil(math.sqrt(count))
    lines = math.ceil(count / columns)
    sheet = np.full((lines * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 128, dtype=np.uint8)
    for index, image in enumerate(images):
        y, x = divmod(index, columns)
        top, left = y * (height + GAP), x * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def to_image(pixels: np.ndarray) -> Image.Image:
    """(H, W, 1 or 3) or (H, W) uint8 as an image."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(pixels))


def png(pixels: np.ndarray) -> bytes:
    """(H, W, C) uint8 as a PNG at native size."""
    buffer = io.BytesIO()
    to_image(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Bytes as an address that needs no request."""
    return f"data:{kind};base64," + base64.b64encode(content).decode("ascii")


def uri(pixels: np.ndarray) -> str:
    """(H, W, C) uint8 as a PNG data URI."""
    return data_uri(png(pixels))


def enlarge(pixels: np.ndarray, side: int) -> np.ndarray:
    """Whole-number enlargement, no blur, so that the longer side comes nearest to `side`."""
    factor = max(1, round(side / max(pixels.shape[:2])))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
