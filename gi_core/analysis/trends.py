"""Whether one quantity rises or falls with another over repeated runs. No torch.

Spearman's rho, the correlation of ranks (Spearman 1904), sees any monotone relation and no scale; medians and quartiles
of the runs at each value say how large it is.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

LEVEL = 0.05
"""A rank correlation whose p-value is above this counts for none."""
LEAST = 8
"""Runs below which nothing is said of a direction: with so few, only an almost perfect order has p < 0.05."""


@dataclass(frozen=True)
class Group:
    """Runs at one value. x: the value. n: how many. low, median, high: quartiles of their y."""

    x: float | str
    n: int
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Trend:
    """groups: by ascending x (of text: in the order given). rho: of Spearman over all n runs, p: its two-sided p-value;

    both None where x is text or constant, y is constant, or runs are fewer than LEAST.
    direction: rises or falls where p < LEVEL; none where not; unknown where there is no rho.
    """

    groups: tuple[Group, ...]
    n: int
    rho: float | None
    p: float | None
    direction: Literal["rises", "falls", "none", "unknown"]


def group(x: float | str, values: Iterable[float]) -> Group:
    """median and quartiles (linear interpolation between order statistics) of at least one value."""
    found = sorted(values)
    low, median, high = statistics.quantiles(found, n=4, method="inclusive") if len(found) > 1 else 3 * found
    return Group(x, len(found), low, median, high)


def trend(points: Sequence[tuple[float | str, float]]) -> Trend:
    """rho = corr(rank x, rank y) over points (x, y), ties sharing their mean rank; p by Student's t with n - 2 degrees.

    Points without a finite y are the caller's to leave out. Raises ValueError for one.
    """
    if any(not math.isfinite(y) for _, y in points):
        raise ValueError("a trend is of finite values: leave the others out")
    at: dict[float | str, list[float]] = defaultdict(list)
    for x, y in points:
        at[x].append(y)
    numeric = all(isinstance(x, (int, float)) for x in at)
    groups = tuple(group(x, at[x]) for x in (sorted(at) if numeric else at))
    constant = len(at) < 2 or len({y for _, y in points}) < 2
    if not numeric or constant or len(points) < LEAST:
        return Trend(groups, len(points), None, None, "unknown")
    from scipy.stats import spearmanr  # takes a second to load

    found = spearmanr([x for x, _ in points], [y for _, y in points])
    rho, p = float(found.statistic), float(found.pvalue)
    direction: Literal["rises", "falls", "none"] = "none" if p >= LEVEL else "rises" if rho > 0 else "falls"
    return Trend(groups, len(points), rho, p, direction)
