"""DICOM files, through pydicom where it is installed: values as measured, and the window that the file asks for."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.data import windows
from gi_core.data.windows import Window

MISSING = "reading DICOM needs pydicom: run python -m pip install -r requirements-dicom.txt"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")


def read(
    content: bytes, name: str, most_pixels: int
) -> tuple[np.ndarray, Window | None, tuple[int, int], list[str], bool]:
    """(values (H, W) or (H, W, 3), window or None, (width, height), notices, whether small values are white).

    Rescale slope and intercept are applied (a CT's values become Hounsfield units). The first window of the file is
    taken, else one is found. MONOCHROME1 is shown with its smallest value white. Raises SpecError.
    """
    try:
        import pydicom
        from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array
    except ImportError:
        raise SpecError(MISSING) from None
    if _DEFLATED in content[:4096]:  # unpacked as a whole before anything can be asked of it
        raise SpecError(f"{name} is a deflated DICOM file: save it with another transfer syntax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            head = pydicom.dcmread(io.BytesIO(content))
            syntax = head.file_meta.TransferSyntaxUID
            _bound(head, name, most_pixels)
        except SpecError:
            raise
        except RecursionError:
            raise SpecError(f"{name} has parts within parts without end: give another file") from None
        except Exception:  # pydicom raises many kinds on damaged files
            raise SpecError(f"{name} is not a readable picture: this DICOM file is damaged or cut short") from None
        try:
            stored = pixel_array(head, index=0)
        except Exception:  # no decoder, or damaged data
            raise SpecError(_unreadable(name, syntax)) from None
        kind = str(head.get("PhotometricInterpretation", "MONOCHROME2"))
        if kind == "PALETTE COLOR":
            values = apply_color_lut(stored, head)
        elif kind in _GREY:
            values = _whole(apply_modality_lut(stored, head))
        elif kind in _COLOUR:
            values = stored
        else:
            raise SpecError(f"{name} has colours of the kind {kind[:40]}, which are not read: save it as RGB")
    frames = _number(head.get("NumberOfFrames"), 1)
    notices = [f"it holds {frames:g} frames, of which the first is taken"] if frames > 1 else []
    window = _window(head) if values.ndim == 2 else None
    if window is None and values.ndim == 2 and (values.dtype != np.uint8 or kind == "MONOCHROME1"):
        window = windows.found(_without_padding(values, stored, head))
    return values, window, (values.shape[1], values.shape[0]), notices, kind == "MONOCHROME1"


def _bound(head: Any, name: str, most_pixels: int) -> None:
    """Refuse what is too large by its header, before anything is decoded."""
    rows, columns = _number(head.get("Rows"), 0), _number(head.get("Columns"), 0)
    if not ("PixelData" in head or "FloatPixelData" in head or "DoubleFloatPixelData" in head):
        raise SpecError(f"{name} is a DICOM file without a picture: give one with pixel data")
    if rows < 1 or columns < 1:
        raise SpecError(f"{name} has no pixels: give another picture")
    if _number(head.get("SamplesPerPixel"), 1) not in (1, 3) or not 1 <= _number(head.get("BitsAllocated"), 8) <= 64:
        raise SpecError(f"{name} has pixels of an unusual kind: give one or three values of 64 bits at most for each")
    if rows * columns > most_pixels:
        raise SpecError(f"{name} has more than {most_pixels // 10**6} megapixels: give a smaller picture")


def _unreadable(name: str, syntax: Any) -> str:
    if getattr(syntax, "is_compressed", False):
        said = getattr(syntax, "name", str(syntax))
        return f"{name} is compressed as {said[:80]}, which cannot be read here: save it uncompressed (Explicit VR Little Endian)"
    return f"{name} has damaged pixel data: give another file"


def _whole(values: np.ndarray) -> np.ndarray:
    """Rescaled values that are whole numbers stay such, so that their bits are counted as those of other files."""
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.rint(values)).all():
        if np.abs(values).max(initial=0) < 2**31:
            return values.astype(np.int32)
    return values


def _number(value: Any, otherwise: float) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return found if math.isfinite(found) else otherwise


def _first(value: Any) -> float:
    """The first of one or several values; nan where there is none."""
    several = isinstance(value, (list, tuple)) or (hasattr(value, "__iter__") and not isinstance(value, (str, bytes)))
    return _number(next(iter(value), None) if several else value, math.nan)


def _window(head: Any) -> Window | None:
    """The window of centre c and width w: c - 1/2 -+ (w - 1)/2 (PS3.3 C.11.2.1.2), or c -+ w/2 where it is called exact."""
    centre, width = _first(head.get("WindowCenter")), _first(head.get("WindowWidth"))
    if not (math.isfinite(centre) and math.isfinite(width) and width > 0):
        return None
    why = f"window {centre:g}/{width:g} of the file"
    if width > 1 and str(head.get("VOILUTFunction", "LINEAR")) == "LINEAR":
        return Window(centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2, why)
    return Window(centre - width / 2, centre + width / 2, why)


def _without_padding(values: np.ndarray, stored: np.ndarray, head: Any) -> np.ndarray:
    padding = head.get("PixelPaddingValue")
    kept = values[stored != padding] if isinstance(padding, int) else values
    return kept if kept.size else values
