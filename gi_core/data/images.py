"""Fitting pictures to the shape that a network takes."""

from __future__ import annotations

import numpy as np
from PIL import Image


def channels_of(pixels: np.ndarray) -> int:
    """1 for (H, W), 3 for (H, W, 3)."""
    return 1 if pixels.ndim == 2 else 3


def fit(pixels: np.ndarray, size: int | tuple[int, int], channels: int) -> np.ndarray:
    """Centre crop to the shape's proportions and antialiased (Lanczos) resize: uint8 (C, H, W).

    size: side of a square, or (H, W). Exact where the picture has that size already. Grey becomes three equal channels,
    colour becomes luminance (ITU-R 601).
    """
    height, width = (size, size) if isinstance(size, int) else size
    cut = middle(pixels.shape[0], pixels.shape[1], height, width)
    top, left = (pixels.shape[0] - cut[0]) // 2, (pixels.shape[1] - cut[1]) // 2
    part = pixels[top : top + cut[0], left : left + cut[1]]
    if channels_of(part) != channels or part.shape[:2] != (height, width):
        image = Image.fromarray(np.ascontiguousarray(part))
        if channels_of(part) != channels:
            image = image.convert("L" if channels == 1 else "RGB")
        if part.shape[:2] != (height, width):
            image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        part = np.asarray(image)
    return part[None] if part.ndim == 2 else np.ascontiguousarray(part.transpose(2, 0, 1))


def middle(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """(rows, columns) of the largest middle part with the proportions height : width."""
    if rows * width <= columns * height:
        return rows, max(1, round(rows * width / height))
    return max(1, round(columns * height / width)), columns


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)
