"""Intervals at 95 % of a share, a median and a mean; and whether two shares differ by more than chance. No torch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

LEVEL = 0.95
_Z = 1.959963984540054


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Interval of a share, in [0, 1] (Wilson 1927): sound for few trials and shares near 0 or 1. Raises ValueError for no trials."""
    if of < 1:
        raise ValueError("a share of nothing has no interval")
    share, z2 = hits / of, _Z**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Interval of a median, whatever the distribution: between the k-th smallest and the k-th largest value, k the largest with
    2 P(Bin(n, 1/2) < k) <= 5 %. Of fewer than six values it is their range, which covers less.
    """
    ordered, n = sorted(values), len(values)
    below, k = 0.0, 0
    while k < n // 2:
        below += math.comb(n, k) / 2**n
        if 2 * below > 1 - LEVEL:
            break
        k += 1
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Interval of a mean by the normal law with the sample's deviation; of one value, the value."""
    mean = statistics.fmean(values)
    half = _Z * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean - half, mean + half


def fewer(hits: int, of: int, than: int, of_them: int) -> float:
    """Probability that a share as small as hits / of comes by chance where than / of_them has the same rate (Fisher's exact test,
    one-sided).
    """
    total, marked = of + of_them, hits + than
    ways = math.comb(total, marked)
    return (
        sum(math.comb(of, k) * math.comb(of_them, marked - k) for k in range(hits + 1) if marked - k <= of_them) / ways
    )
