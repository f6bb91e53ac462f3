"""Free directions of an answer, of the eigenvalues of B: which are free, and what error they leave (`analysis.uniqueness`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import PRIOR, Array

ROUNDING = 1e-14
"""Share of lambda_max that rounding makes of a zero eigenvalue of B."""

LEAST_OVER = 20
"""Values beyond those that directions show, from which on what is left of them estimates their error."""


@dataclass(frozen=True)
class Uniqueness:
    """free: directions of `directions` along which the update does not fix the answer; at_least: so many were found, and there may be more.
    expected_error: root mean square per pixel, in [0, 1]; of those found where at_least; None where it is not known. null: (free, d),
    the free directions themselves in pixels, orthonormal, flattest first, or (0, d). weakest: relative change of the update by a change of
    the picture of root mean square 1 along the direction that shows least. how: `whole` by all eigenvalues, `bounded` by what products
    prove, `open` where no direction was found free and none is excluded: one that shows less than `weakest` may exist.
    """

    free: int
    directions: int
    expected_error: float | None
    null: Array
    at_least: bool = False
    weakest: float = 0.0
    how: Literal["whole", "bounded", "open"] = "whole"

    @property
    def unique(self) -> bool | None:
        """Whether no direction is free; None where that is open."""
        return False if self.free else None if self.how == "open" else True


def error_of_values(shown: Shown, directions: int, precision: float, residual: float) -> float:
    """Standard deviation of the error of each value that was sent: of the update's precision, or more where an answer leaves more.

    directions: that show, to which an answer was fitted; the values beyond tell of the error.
    """
    over = max(0, shown.count - directions)
    left = residual / over**0.5 if over > LEAST_OVER else 0.0
    return shown.norm * max(precision / max(1, shown.count) ** 0.5, left)


def count_shown(values: Array) -> int:
    """Of eigenvalues, ascending: those that are more than rounding."""
    return int((values > ROUNDING * values[-1]).sum())


def variances(values: Array, sigma: float, scale: Array | float = 1.0) -> Array:
    """Variance of the answer along each eigenvector, at most PRIOR^2. values: ascending."""
    seen = values > ROUNDING * values[-1]
    return np.where(seen, np.minimum(sigma**2 * scale / np.maximum(values, 1e-300), PRIOR**2), PRIOR**2)


def weakest(value: float, directions: int, norm: float) -> float:
    """Of the least eigenvalue: see `Uniqueness`."""
    return float(np.sqrt(max(value, 0.0) * directions) / norm) if norm else 0.0
