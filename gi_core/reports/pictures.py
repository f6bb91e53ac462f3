"""Pictures of a run side by side, and as lossless PNG."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from gi_core.reports.parts import Picture
from gi_core.reports.taken import Run

MOST = 16
"""Pictures of a batch that a report shows one by one."""


def png(pixels: np.ndarray) -> bytes:
    """(H, W, 1 or 3) uint8 as a PNG at native size: every value stays."""
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def uri(pixels: np.ndarray) -> str:
    """The same as an address that needs no request."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")


def difference(original: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """|answer - original| of each value, so black is equal; (H, W, C) uint8, colour where either has it."""
    a, b = (
        x.repeat(3, axis=2) if x.shape[2] < max(original.shape[2], answer.shape[2]) else x for x in (original, answer)
    )
    return np.abs(a.astype(np.int16) - b.astype(np.int16)).astype(np.uint8)


def triples(run: Run, most: int = MOST) -> list[tuple[Picture, ...]]:
    """For each picture: original and difference where they are known, and the reconstruction between them."""
    if run.images is None:
        return []
    entries = run.result["per_image"] if run.result else []
    rows: list[tuple[Picture, ...]] = []
    for k, image in enumerate(run.images[:most]):
        entry = entries[k] if k < len(entries) else {}
        number = f" {k + 1}" if len(run.images) > 1 else ""
        answer = Picture("Reconstruction" + number, image, note(entry))
        original = run.originals[k] if run.originals is not None and k < len(run.originals) else None
        if original is None or original.shape[:2] != image.shape[:2]:
            rows.append((answer,))
            continue
        apart = difference(original, image)
        rows.append((
            Picture("Original" + number, original), answer,
            Picture("Difference" + number, apart, f"largest {apart.max() / 255:.2g} of 1"),
        ))  # fmt: skip
    return rows


def note(entry: dict) -> str:
    """PSNR and SSIM of one picture in a line."""
    psnr, ssim = entry.get("psnr"), entry.get("ssim")
    parts = [f"{psnr:.1f} dB" if psnr is not None else "", f"SSIM {ssim:.3f}" if ssim is not None else ""]
    return ", ".join(filter(None, parts))
