"""Which values of a ReLU are zero, told from rounding, and the sums that bias gradients check them by.

A value over the error to expect of it is t = x / error. Negative values are rounding alone, so nu, the 68 % quantile of
their |t|, is its size: below 4.5 nu a unit is inactive, above 50 nu active, in between doubtful. The bias gradient of the
layer before, sum_p M dL/dx of each channel, tells which of the doubtful ones are active.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from gi_core.numerics.convolution_maps import Array

INACTIVE, ACTIVE, WIDE, NARROW = 4.5, 50.0, 300.0, 1.5
QUANTILE = 0.68
ENOUGH = 16
"""Negative values that are needed to tell the size of rounding."""
UNLIKELY = 12.0
"""Minus the logarithm of the share of active units whose value is within rounding of zero, about: one in a hundred thousand."""
MOST_PAIRS = 12
"""Doubtful values of a channel among which pairs are tried: among more, some pair fits by chance."""


@dataclass(frozen=True)
class Mask:
    """active, doubtful (C, H, W) bool; size (C, H, W): value over rounding, |t| / nu; failing: channels whose sum does
    not fit the bias gradient; summed: whether that was looked at.
    """

    active: np.ndarray
    doubtful: np.ndarray
    size: Array
    failing: int = 0
    summed: bool = False


def classify(x: Array, error: Array, floor: float) -> Mask:
    """The mask of recovered values. floor: least nu, the rounding of the numbers themselves."""
    t = x / error
    below = -t[t < 0]
    nu = float(np.quantile(below, QUANTILE)) if below.size >= ENOUGH else 0.0
    size = t / max(nu, floor, 1e-300)
    return Mask(size > ACTIVE**0.5 * INACTIVE**0.5, (size > INACTIVE) & (size < ACTIVE), size)


def check_sums(mask: Mask, back: Array, sums: Array, tolerance: float, unsure: float | None = None) -> Mask:
    """Settle doubtful values by the bias gradient: sums (C,) = sum_p M back. back (C, H, W) = dL/dx.

    tolerance: rounding of a sum, as a share of sum_p |back| of its channel and of a usual one. unsure: size above which
    any value of a channel may be active whose sum does not fit; 1 for one flip, NARROW where none fits, if left out.
    """
    active, doubtful = mask.active.copy(), mask.doubtful.copy()
    failing, sizes = 0, np.abs(back).sum((1, 2))
    for c in range(len(back)):
        g, a, d = back[c].ravel(), active[c].ravel(), doubtful[c].ravel()
        allowed = tolerance * float(sizes[c] + sizes.mean())
        missing = float(sums[c] - g[a].sum())
        if abs(missing) <= allowed:
            _settle(d, g, allowed)
            continue
        steps, size = np.where(a, -g, g), mask.size[c].ravel()
        near = np.flatnonzero((size > (1.0 if unsure is None else unsure)) & (size < WIDE))
        fits = _flips(steps, d, near, missing, allowed)
        if not fits:
            failing += 1
            d |= (size > (NARROW if unsure is None else unsure)) & (size < ACTIVE)
            continue
        flips = min(fits, key=lambda t: _against(a, size, t))
        for other in fits:
            d[[i for i in other if abs(size[i]) < ACTIVE]] = True
        a[list(flips)] ^= True
        d[list(flips)] = True
    return replace(mask, active=active, doubtful=doubtful, failing=failing, summed=True)


def _settle(doubtful: np.ndarray, g: Array, allowed: float) -> None:
    """A single doubtful value whose flip would show in the sum is settled."""
    at = np.flatnonzero(doubtful)
    if len(at) == 1 and abs(g[at[0]]) > 3 * allowed:
        doubtful[at] = False


def _flips(
    steps: Array, doubtful: np.ndarray, near: np.ndarray, missing: float, allowed: float
) -> list[tuple[int, ...]]:  # fmt: skip
    """All flips that make the sum right: of one or two doubtful values, or of one near them."""
    at = np.flatnonzero(doubtful)
    tried: list[tuple[int, ...]] = [(int(i),) for i in at]
    if len(at) <= MOST_PAIRS:
        tried += [(int(i), int(j)) for i, j in combinations(at, 2)]
    tried += [(int(i),) for i in near if not doubtful[i]]
    return [t for t in tried if abs(missing - steps[list(t)].sum()) <= allowed]


def _against(active: np.ndarray, size: Array, flips: tuple[int, ...]) -> float:
    """What speaks against flips, by the values alone, up to a constant for each: an inactive unit's value is rounding, normal
    and of size 1, and an active one's may be anything. So s^2 / 2 of a unit made inactive, -s^2 / 2 of one made active.
    """
    return sum((0.5 if active[i] else -0.5) * max(size[i], 0.0) ** 2 + (0 if active[i] else UNLIKELY) for i in flips)
