"""Window and crop of a picture: `REF#window=40/400#crop=64x64+10+0`. They are part of the reference, and so of the run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.data.windows import Window

_PART = re.compile(r"#(crop|window|range)=([^#]{0,80})$")
_CROP = re.compile(r"(\d{1,6})x(\d{1,6})\+(\d{1,6})\+(\d{1,6})")
_NUMBER = r"[-+]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:e[-+]?\d{1,2})?"
_WINDOW = re.compile(rf"({_NUMBER})/({_NUMBER})", re.IGNORECASE)
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})", re.IGNORECASE)


@dataclass(frozen=True)
class Crop:
    """A rectangle in pixels of the upright picture as written."""

    width: int
    height: int
    left: int
    top: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.left}+{self.top}"


@dataclass(frozen=True)
class View:
    """Window and crop that a reference asks for; None where it does not."""

    crop: Crop | None = None
    window: Window | None = None

    def __str__(self) -> str:
        window = f"#range={self.window.low:.12g}..{self.window.high:.12g}" if self.window else ""
        return window + (f"#crop={self.crop}" if self.crop else "")

    def cut(self, pixels: np.ndarray, written: tuple[int, int], name: str) -> np.ndarray:
        """The chosen rectangle of (H, W[, 3]). written: (width, height) of the file, where decoding reduced it."""
        if self.crop is None:
            return pixels
        width, height = written
        c = self.crop
        if c.left + c.width > width or c.top + c.height > height:
            raise SpecError(f"the crop {c} reaches over the edge of {name}, which is {width}x{height} pixels")
        down, across = pixels.shape[0] / height, pixels.shape[1] / width
        top, left = round(c.top * down), round(c.left * across)
        bottom, right = round((c.top + c.height) * down), round((c.left + c.width) * across)
        return np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])


def split(ref: str) -> tuple[str, View]:
    """(the reference without its view, the view). Raises SpecError for one that is not understood.

    `#crop=WIDTHxHEIGHT+LEFT+TOP` in pixels, `#window=CENTRE/WIDTH` or `#range=LOW..HIGH` in the file's own values.
    """
    crop = window = None
    while match := _PART.search(ref):
        ref, name, text = ref[: match.start()], match[1], match[2]
        if name == "crop":
            if crop is not None:
                raise SpecError("a reference has one crop: leave the other out")
            crop = _crop(text)
        else:
            if window is not None:
                raise SpecError("a reference has one window: leave the other out")
            window = _window(text) if name == "window" else _range(text)
    return ref, View(crop, window)


def bare(ref: str) -> str:
    """The reference without window and crop; unchanged where these are not understood."""
    try:
        return split(ref)[0]
    except SpecError:
        return ref


def _crop(text: str) -> Crop:
    match = _CROP.fullmatch(text)
    if not match or not (int(match[1]) and int(match[2])):
        raise SpecError(f"write the crop {text!r} as WIDTHxHEIGHT+LEFT+TOP in pixels, such as 64x64+10+0")
    return Crop(*(int(part) for part in match.groups()))


def _window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    width = float(match[2]) if match else 0.0
    if not match or not (math.isfinite(width) and width > 0):
        raise SpecError(f"write the window {text!r} as CENTRE/WIDTH with a width above 0, such as 40/400")
    return _bounded(float(match[1]) - width / 2, float(match[1]) + width / 2, text)


def _range(text: str) -> Window:
    match = _RANGE.fullmatch(text)
    if not match:
        raise SpecError(f"write the range {text!r} as LOW..HIGH, such as -160..240")
    return _bounded(float(match[1]), float(match[2]), text)


def _bounded(low: float, high: float, text: str) -> Window:
    if not (math.isfinite(low) and math.isfinite(high) and low < high and high - low > 1e-9 * max(abs(low), abs(high))):
        raise SpecError(f"the window {text!r} has no width: its upper end has to lie above its lower one")
    return Window(low, high, "as set")
