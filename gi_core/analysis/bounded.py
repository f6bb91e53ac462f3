"""Whether directions of a large answer are free, by as much work as is allowed. B = D J J^T D of `numerics.shown`.

In turn: as many directions are free as there are more of them than values that were sent. All eigenvalues of B, where they can be
afforded. Few steps of Lanczos, whose lowest Ritz value is above an eigenvalue, and whose bound is below all of them but for one
case in a million. A basis of what shows, outside of which every direction is proved free. What none of these settles stays open.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from scipy import linalg

from gi_core.analysis.free_directions import ROUNDING, Uniqueness, count_shown, error_of_values, variances, weakest
from gi_core.numerics import lowest
from gi_core.numerics.generators import generator
from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import PRIOR, Array

MOST_WHOLE = 6144
"""Directions up to which B is written out: 300 MB."""
FACTORISING = 5e9
"""d^3 in a second: of all eigenvalues of a matrix (d, d), on one core."""
LANCZOS, BASIS = 2e9, 1e10
"""k^2 d of `lowest.lowest` and of `lowest.captured` in about four seconds, besides the products."""
MEMORY = 5e7
"""Values of a basis."""


def examine(shown: Shown, each: float, budget: float, precision: float, residual: float) -> Uniqueness:
    """each: nominal seconds of a product of B, of which `budget` are allowed; precision, residual: as of `examine`."""
    d = shown.size
    if d <= MOST_WHOLE and each * d + d**3 / FACTORISING <= budget:
        return _of_all(shown, linalg.eigvalsh(shown.gram(), check_finite=False), precision, residual, at_least=False)
    products = int(budget / each)
    steps = min(products // 3, int((LANCZOS / d) ** 0.5), d)
    start = torch.randn(d, generator=generator(0, 2), dtype=torch.float64).to(shown.units)
    found = lowest.lowest(shown.product, start, steps)
    sigma = error_of_values(shown, min(d, shown.count), precision, residual)
    threshold = max(sigma**2 / PRIOR**2, ROUNDING * float(found.values[-1]))
    if found.bound > threshold:
        error = sigma * float((found.weights / found.values).sum()) ** 0.5
        return _nothing_free(shown, found.bound, error, "bounded")
    draws = generator(0, 3)
    most = min(int((products - steps) / 1.5), int((BASIS / d) ** 0.5), int(MEMORY / d))  # a pull is half a product
    basis = lowest.captured(lambda: shown.drawn(draws), d, most, threshold**0.5) if most >= lowest.BLOCK else None
    if basis is not None:
        inside = torch.stack([basis.T @ shown.product(q) for q in basis.T]).cpu().double().numpy()
        seen = linalg.eigvalsh((inside + inside.T) / 2) if len(inside) else np.zeros(0)
        return _of_all(shown, np.concatenate([np.zeros(d - len(seen)), np.maximum(seen, 0.0)]), precision, residual)
    free = max(d - shown.count, int((found.values <= threshold).sum()))
    if free:
        error = PRIOR * (free / d) ** 0.5
        return Uniqueness(free, d, error, np.zeros((0, d)), at_least=True, how="bounded")
    return _nothing_free(shown, float(found.values[0]) + found.residual, None, "open")


def _nothing_free(shown: Shown, value: float, error: float | None, how: Literal["bounded", "open"]) -> Uniqueness:
    d = shown.size
    return Uniqueness(0, d, error, np.zeros((0, d)), weakest=weakest(value, d, shown.norm), how=how)


def _of_all(shown: Shown, values: Array, precision: float, residual: float, at_least: bool = True) -> Uniqueness:
    """Of all eigenvalues (d,), ascending."""
    sigma = error_of_values(shown, count_shown(values), precision, residual)
    variance = variances(values, sigma)
    free, d = int((variance >= PRIOR**2).sum()), len(values)
    error = float(np.sqrt(variance.sum() / d))
    return Uniqueness(
        free, d, error, np.zeros((0, d)), at_least=at_least and free > 0,
        weakest=weakest(values[0], d, shown.norm), how="bounded" if at_least else "whole",
    )  # fmt: skip
