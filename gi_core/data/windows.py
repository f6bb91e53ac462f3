"""Values to [0, 1]: which range of a picture of more than eight bits is shown, as chosen or found, and in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gi_core.common.errors import SpecError

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras and scanners write into larger files."""
_FLAT = 8
"""Values that fill less than 1 / _FLAT of a range are shown by their own minimum and maximum."""


@dataclass(frozen=True)
class Window:
    """Values from `low` to `high` become [0, 1]; those beyond are clipped. why: how it was chosen, in words."""

    low: float
    high: float
    why: str = ""

    def said(self, clipped: float) -> str:
        """One sentence; clipped: the share of values outside."""
        beyond = f"; {_share(clipped)} of the values lie outside and are clipped" if clipped else ""
        why = f" ({self.why})" if self.why else ""
        return f"values from {self.low:g} to {self.high:g} are shown as black to white{why}{beyond}"


def _share(part: float) -> str:
    return f"{100 * part:.1f} %" if part >= 0.0005 else "less than 0.1 %"


def found(values: np.ndarray) -> Window:
    """A window for values whose range nobody said, so that nothing is clipped and little is wasted.

    Whole numbers from 0 up: 0 to 2^k - 1 with k of 8, 10, 12, 14 or 16 bits that holds the largest, else 0 to the
    largest. Fractions from 0 up: 0 to 1, or 0 to the largest above 1. Anything negative, and values that would fill
    less than an eighth of that range: minimum to maximum. Not finite ones are left out of account.
    """
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        raise SpecError("the picture has no finite value: give another one")
    low, high = float(finite.min()), float(finite.max())
    if low == high and values.dtype.kind == "f" and not 0 <= low <= 1:
        return Window(low - 0.5, low + 0.5, "the picture has one value only")
    top, why = _top(high, values.dtype.kind != "f")
    if low >= 0 and (high - low) * _FLAT >= top or low == high:
        return Window(0.0, top, why) if low >= 0 else Window(low - 0.5, low + 0.5, "the picture has one value only")
    return Window(low, high, "its minimum and maximum")


def _top(high: float, whole: bool) -> tuple[float, str]:
    if not whole:
        return (1.0, "") if high <= 1 else (high, "its maximum")
    for bits in DEPTHS:
        if high <= 2**bits - 1:
            return 2.0**bits - 1, f"{bits} bits"
    return high, "its maximum"


def apply(values: np.ndarray, window: Window) -> tuple[np.ndarray, float]:
    """(uint8 of the same shape, share of values outside the window); what is not a number becomes black."""
    x = values.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (x - window.low) / (window.high - window.low)
    outside = float(np.mean(~((scaled >= 0) & (scaled <= 1))))
    scaled = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    return (scaled * 255 + 0.5).astype(np.uint8), outside
