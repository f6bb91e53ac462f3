"""Intervals at 95 % of a share, a median and a mean; and whether two shares differ by more than chance. No torch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

LEVEL = 0.95
CHANCE = 0.05
"""Probability below which a difference is more than chance."""
MOST_MORE = 1000
"""Further trials that are looked ahead to."""
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


def beyond_chance(hits: int, of: int, than: int, of_them: int, among: int = 1) -> bool:
    """Whether hits / of is a smaller share than than / of_them by more than chance, as one of so many comparisons (Bonferroni)."""
    return bool(of and of_them) and among * fewer(hits, of, than, of_them) < CHANCE


def more_to_tell(hits: int, of: int, than: int, of_them: int, among: int = 1) -> int | None:
    """How many more trials of each would tell the shares apart, if both stayed as they are. 0 where they are; None where the first is
    no smaller, or `MOST_MORE` do not suffice.
    """
    if not (of and of_them) or hits * of_them >= than * of:
        return None
    for more in range(MOST_MORE + 1):
        a, b = of + more, of_them + more
        if beyond_chance(round(hits / of * a), a, round(than / of_them * b), b, among):
            return more
    return None


def sign_test(better: int, of: int) -> float:
    """Probability that so many of the pairs that differ, or more, turn out one way by chance (one-sided)."""
    ways: int = sum(math.comb(of, k) for k in range(better, of + 1))
    return ways / (1 << of)


def counted(hits: int, of: int, what: str) -> str:
    """The count with the interval of its share: 3 of 8 pictures (14 to 69 %)."""
    low, high = wilson(hits, of)
    return f"{hits} of {of} {what} ({100 * low:.0f} to {100 * high:.0f} %)"
