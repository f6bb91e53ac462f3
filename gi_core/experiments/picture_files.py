"""Pictures as files: several on one sheet, a thumbnail, and PNGs written whole."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from gi_core.common import whole_files

THUMBNAIL = 96


def sheet(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) in [0, 1] -> uint8 (rows H, columns W, 3), native pixels, as square as it goes."""
    n, c, h, w = images.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    page = np.zeros((rows * h, columns * w, 3), np.uint8)
    for i, image in enumerate(images):
        top, left = divmod(i, columns)
        page[top * h : (top + 1) * h, left * w : (left + 1) * w] = _rgb(image)
    return page


def _rgb(image: np.ndarray) -> np.ndarray:
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if pixels.shape[2] == 1 else pixels


def thumbnail(image: np.ndarray) -> np.ndarray:
    """(C, H, W) in [0, 1] -> uint8 (96, 96, 3); what is not square keeps its proportions, on black."""
    height, width = image.shape[1:]
    kind = Image.Resampling.NEAREST if max(height, width) <= THUMBNAIL else Image.Resampling.BOX
    factor = THUMBNAIL / max(height, width)
    wanted = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(Image.fromarray(np.ascontiguousarray(_rgb(image))).resize(wanted, kind))
    page = np.zeros((THUMBNAIL, THUMBNAIL, 3), np.uint8)
    top, left = (THUMBNAIL - wanted[1]) // 2, (THUMBNAIL - wanted[0]) // 2
    page[top : top + wanted[1], left : left + wanted[0]] = small
    return page


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 (H, W, 3). Raises DiskFull."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    whole_files.write(path, lambda file: image.save(file, format="PNG"))
