"""Picture files that Pillow reads: bounded by their header, turned upright, all their bits kept."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image

from gi_core.common.errors import SpecError
from gi_core.data import formats
from gi_core.data.wide import values_of

MAX_PIXELS = 100_000_000  # larger files are refused from their header, before anything is decoded
KEEP_SIDE = 2048  # larger JPEG files are reduced while decoding: no sample is larger than 512
_ORIENTATION = 0x0112
_TURNS = {2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (3, 0), 7: (1, 1), 8: (1, 0)}
"""Orientation in the file -> (quarter turns against the clock, whether mirrored left to right afterwards)."""


def too_large(name: str, width: int, height: int) -> None:
    """Refuse by the header. Raises SpecError."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_PIXELS:
        raise SpecError(f"{name} has more than {MAX_PIXELS // 10**6} megapixels: give a smaller picture")
    if width < 1 or height < 1:
        raise SpecError(f"{name} has no pixels: give another picture")


def read(content: bytes, kind: str, name: str) -> tuple[np.ndarray, tuple[int, int], list[str]]:
    """(values (H, W) or (H, W, 3), (width, height), notices) of a file that Pillow reads."""
    if kind == "WEBP":
        too_large(name, *formats.webp_size(content[:30]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=(kind,)) as image:
                width, height = image.size
                too_large(name, width, height)
                frames = ["it holds several frames, of which the first is taken"] if _several(image) else []
                if width * height > KEEP_SIDE**2:
                    image.draft(None, (KEEP_SIDE, KEEP_SIDE))  # JPEG only: decodes at 1/2, 1/4, 1/8
                values, notices = values_of(image, content)
                # of a PNG it is only known once it is decoded
                turns, mirrored = _TURNS.get(_orientation(image), (0, 0))
    except Image.DecompressionBombError:
        raise SpecError(f"{name} has more than {MAX_PIXELS // 10**6} megapixels: give a smaller picture") from None
    except Image.UnidentifiedImageError:
        if kind != "TIFF":
            raise
        from gi_core.data import tiffs

        values, frames = tiffs.read(content, name, too_large)
        (height, width), turns, mirrored, notices = values.shape[:2], 0, 0, []
    values = np.rot90(values, turns)
    values = values[:, ::-1] if mirrored else values
    written = (height, width) if turns % 2 else (width, height)
    return np.ascontiguousarray(values), written, [*frames, *notices]


def _several(image: Image.Image) -> bool:
    return bool(getattr(image, "is_animated", False))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a damaged note about the camera does not make a picture unreadable
        return 1
