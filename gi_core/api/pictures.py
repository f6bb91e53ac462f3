"""Pictures as a person holds them in Python, to float32 (N, C, H, W) in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.data.images import channels_of, to_float
from gi_core.data.refs import resolve
from gi_core.settings.bounds import MAX_BATCH, MAX_SIZE
from gi_core.settings.sizes import MIN_SIZE

CHANNELS = (1, 3)
_FORMS = "give (N, C, H, W) or (C, H, W) in [0, 1], uint8 pixels (H, W, C), PIL images, files or references"
_SLACK = 1e-3
"""How far a value may lie outside [0, 1]: what resizing in floating point leaves."""


def taken(pictures: Any, what: str = "the pictures") -> np.ndarray:
    """float32 (N, C, H, W) in [0, 1]. Raises SpecError, one sentence.

    pictures: a tensor or array (N, C, H, W), or one picture (C, H, W), (H, W, C) or (H, W), float in [0, 1] or uint8; a PIL
    image, a path, a reference such as `bundled/chelsea`; or a sequence of these.
    """
    if isinstance(pictures, (str, Path)) or _is_pil(pictures):
        pictures = [pictures]
    if isinstance(pictures, Sequence) and not hasattr(pictures, "shape"):
        if not pictures:
            raise SpecError(f"{what} are none: {_FORMS}")
        parts = [_one(part, what) for part in pictures]
        shapes = list(dict.fromkeys(part.shape[1:] for part in parts))
        if len(shapes) > 1:
            first, second = ("x".join(map(str, shape)) for shape in shapes[:2])
            raise SpecError(f"{what} of one update have one shape, not {first} and {second}: resize them first")
        found = np.concatenate(parts)
    else:
        found = _one(pictures, what)
    count, channels, height, width = found.shape
    if count > MAX_BATCH:
        raise SpecError(f"{what} are {count}, and an update of at most {MAX_BATCH} is played: give fewer")
    if channels not in CHANNELS:
        raise SpecError(f"{what} have {channels} channels: give 1 (grey) or 3 (colour), as (N, C, H, W)")
    if max(height, width) > MAX_SIZE or min(height, width) < MIN_SIZE:
        raise SpecError(
            f"{what} have {height}x{width} pixels: sides are {MIN_SIZE} to {MAX_SIZE}, so resize them first"
        )
    return found


def _one(picture: Any, what: str) -> np.ndarray:
    """One picture, or an array of several, as (N, C, H, W)."""
    if isinstance(picture, (str, Path)):
        pixels = resolve(str(picture)).pixels
        return to_float(pixels[None] if channels_of(pixels) == 1 else pixels.transpose(2, 0, 1))[None]
    if _is_pil(picture):
        mode = "L" if picture.mode in ("1", "L", "I", "I;16", "F") else "RGB"
        return _one(np.asarray(picture.convert(mode)), what)
    if hasattr(picture, "detach"):
        tensor = picture.detach().cpu()
        picture = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    if not isinstance(picture, np.ndarray):
        raise SpecError(f"{what} are a {type(picture).__name__}: {_FORMS}")
    return _shaped(_scaled(picture, what), what)


def _scaled(array: np.ndarray, what: str) -> np.ndarray:
    """Values in [0, 1], float32."""
    if array.size == 0:
        raise SpecError(f"{what} are empty, of shape {array.shape}: {_FORMS}")
    if array.dtype == np.uint8:
        return to_float(array)
    if array.dtype.kind not in "fiub":
        raise SpecError(f"{what} hold {array.dtype} values: {_FORMS}")
    found = array.astype(np.float32)
    if not np.isfinite(found).all():
        raise SpecError(f"{what} hold values that are not finite: give pixels in [0, 1]")
    low, high = float(found.min()), float(found.max())
    if low < -_SLACK or high > 1 + _SLACK:
        why = (
            "divide them by 255"
            if low >= 0 and high <= 255
            else "give pixels before normalisation, and say normalise= how the network sees them"
        )
        raise SpecError(f"{what} have values from {low:.3g} to {high:.3g}, and pixels lie in [0, 1]: {why}")
    return np.clip(found, 0, 1)


def _shaped(array: np.ndarray, what: str) -> np.ndarray:
    """(N, C, H, W) of an array of two to four dimensions."""
    if array.ndim == 2:
        return array[None, None]
    if array.ndim == 3:
        last = array.shape[-1] in CHANNELS and array.shape[0] not in CHANNELS
        return (array.transpose(2, 0, 1) if last else array)[None]
    if array.ndim == 4:
        last = array.shape[-1] in CHANNELS and array.shape[1] not in CHANNELS
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if last else array
    raise SpecError(f"{what} have shape {array.shape}: {_FORMS}")


def _is_pil(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "PIL" and hasattr(value, "convert")


def labels_of(labels: Any, count: int) -> tuple[int, ...] | None:
    """Class numbers as whole numbers, one for each of `count` pictures; None of None. Raises SpecError."""
    if labels is None:
        return None
    values = np.atleast_1d(np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels))
    if values.dtype.kind not in "iub" or values.ndim != 1:
        raise SpecError(
            f"the labels are {values.dtype} of shape {values.shape}: give a whole class number for each picture"
        )
    if len(values) != count:
        raise SpecError(f"give one label for each picture: {count}, not {len(values)}")
    if values.min() < 0:
        raise SpecError(f"a label is a class number from 0 up, not {values.min()}")
    return tuple(int(value) for value in values)


def shape_of(input_shape: Any) -> tuple[int, int, int]:
    """(C, H, W) as given. Raises SpecError."""
    try:
        shape = tuple(int(side) for side in input_shape)
        whole = all(int(side) == side for side in input_shape)
    except (TypeError, ValueError):
        raise SpecError(f"input_shape is (channels, height, width), such as (3, 32, 32), not {input_shape!r}") from None
    if len(shape) == 4:
        raise SpecError(
            f"input_shape is of one picture, (channels, height, width): give {shape[1:]}, and images={shape[0]}"
        )
    if len(shape) != 3 or not whole:
        raise SpecError(f"input_shape is (channels, height, width), such as (3, 32, 32), not {input_shape!r}")
    channels, height, width = shape
    if channels not in CHANNELS:
        near = f" (is it {(shape[2], *shape[:2])}?)" if width in CHANNELS else ""
        raise SpecError(f"input_shape begins with the channels, 1 or 3, not {channels}{near}")
    if not MIN_SIZE <= min(height, width) <= max(height, width) <= MAX_SIZE:
        raise SpecError(f"input_shape has sides of {height}x{width}, and they are {MIN_SIZE} to {MAX_SIZE} pixels")
    return channels, height, width


def normalisation(value: Any) -> str:
    """A normalisation as the settings write it: a name, or `MEAN/STD` of two numbers or sequences. Raises SpecError."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    try:
        mean, std = value
        parts = [np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in (mean, std)]
    except (TypeError, ValueError):
        raise SpecError(
            f"normalise is a name such as imagenet, or (mean, std) with one number or three each, not {value!r}"
        ) from None
    return "/".join(",".join(f"{float(n):.9g}" for n in part) for part in parts)
