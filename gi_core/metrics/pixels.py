"""Distances of single pictures: (C, H, W) in [0, 1], clamped. Numpy; skimage on first SSIM."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gi_core.metrics.batch import Batch, Found
from gi_core.metrics.registry import PSNR_CAP

Array = np.ndarray
WINDOW = 11  # of a Gaussian of sigma 1.5 truncated at 3.5 sigma


def array(pictures: Any) -> Array:
    """A tensor or array as float64 on the CPU, its own memory or not."""
    if hasattr(pictures, "detach"):
        pictures = pictures.detach().cpu().numpy()
    return np.asarray(pictures, dtype=np.float64)


def clamped(pictures: Array) -> Array:
    """min(max(x, 0), 1); NaN stays NaN, infinities become the nearer bound."""
    inside: Array = np.clip(pictures, 0.0, 1.0)
    return inside


def mse(a: Array, b: Array) -> float:
    """mean((a - b)^2) over all values."""
    return float(np.mean((a - b) ** 2))


def psnr(error: float) -> float:
    """10 log10(1 / MSE) in dB, at most PSNR_CAP (so equality is finite)."""
    return min(PSNR_CAP, -10.0 * math.log10(error)) if error > 0 else PSNR_CAP


def psnr_of(a: Array, b: Array) -> float:
    """PSNR of two pictures, in dB."""
    return psnr(mse(a, b))


def rmse_unclamped_of(batch: Batch) -> Found:
    """sqrt(mean((x - y)^2)) of answers as they came, None where that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = [
            math.sqrt(mse(a, b)) if good else None
            for a, b, good in zip(batch.raw, batch.true, batch.finite, strict=True)
        ]
    return Found({"rmse_unclamped": errors})


def ssim_window(height: int, width: int) -> int:
    """Side of the SSIM window: 11, or the largest odd number that fits; 0 where none does."""
    side = min(WINDOW, height, width)
    side -= 1 - side % 2
    return side if side >= 3 else 0


def ssim(a: Array, b: Array) -> float | None:
    """Mean structural similarity (Wang et al. 2004): skimage, data range 1, Gaussian weights,
    sigma 1.5. a, b: (C, H, W). None for pictures under 3 pixels."""
    from skimage.metrics import structural_similarity

    window = ssim_window(*a.shape[-2:])
    if not window:
        return None
    return float(
        structural_similarity(a, b, win_size=window, data_range=1.0, gaussian_weights=True, sigma=1.5, channel_axis=0)
    )


def ssim_of(batch: Batch) -> Found:
    """SSIM of each picture, SSIM and PSNR of a blank one in its place, of the original's mean colour, and what the window was."""
    pairs = zip(batch.clamped, batch.true, batch.finite, strict=True)
    values = [ssim(a, b) if good else None for a, b, good in pairs]
    blanks = [np.broadcast_to(b.mean((-2, -1), keepdims=True), b.shape) for b in batch.true]
    alike = [ssim(blank, b) for blank, b in zip(blanks, batch.true, strict=True)]
    near = [psnr_of(blank, b) for blank, b in zip(blanks, batch.true, strict=True)]
    return Found(
        {"ssim": values, "ssim_blank": alike, "psnr_blank": near}, {"ssim_note": ssim_note(*batch.true.shape[-2:])}
    )


def ssim_note(height: int, width: int) -> str:
    """What a reader must know about the window; empty when it is the usual one."""
    window = ssim_window(height, width)
    if window == WINDOW:
        return ""
    if not window:
        return "SSIM needs pictures of at least 3 pixels"
    return f"SSIM window of {window} instead of {WINDOW} pixels, as the pictures are {height}x{width}"
