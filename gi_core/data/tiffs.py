"""TIFF files that Pillow does not know: values of 64 bits, of half precision, or big-endian ones without a sign."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gi_core.common.errors import SpecError

if TYPE_CHECKING:
    import tifffile


def read(content: bytes, name: str, bound: Callable[[str, int, int], None]) -> tuple[np.ndarray, list[str]]:
    """((H, W) or (H, W, 3) numbers, notices) of the first page. Raises SpecError, or what a damaged file makes it raise.

    bound: (name, width, height) -> raises SpecError for too many pixels, before anything is decoded.
    """
    import tifffile  # comes with scikit-image

    with tifffile.TiffFile(io.BytesIO(content), _multifile=False) as file:
        page = file.pages.first
        bound(name, int(page.imagewidth), int(page.imagelength))
        if (
            page.imagedepth != 1
            or page.samplesperpixel not in (1, 3)
            or page.dtype is None
            or page.dtype.kind not in "iuf"
        ):
            raise SpecError(f"{name} is a TIFF file of an unusual kind: give one channel or three, of plain numbers")
        several = _has_second(file)
        values = page.asarray(maxworkers=1)
    if values.ndim == 3 and page.planarconfig == 2:
        values = values.transpose(1, 2, 0)
    if page.photometric == 0:  # WhiteIsZero
        values = values.max() - values
    return values, ["it holds several frames, of which the first is taken"] if several else []


def _has_second(file: tifffile.TiffFile) -> bool:
    try:
        file.pages[1]
    except Exception:  # noqa: BLE001 - there is none
        return False
    return True
