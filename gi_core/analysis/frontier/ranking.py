"""Which of two settings leaks measurably less, and which settings no other one beats. No torch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from gi_core.analysis.frontier.points import Point
from gi_core.metrics.intervals import CHANCE, beyond_chance, sign_test
from gi_core.metrics.registry import METRICS

POINT = 0.01


def less(p: Point, q: Point) -> bool:
    """Whether p leaks measurably less than q, on the pictures that both have.

    So many of them one way come by chance less often than `CHANCE` (sign test), and their median difference is above the
    metric's threshold `least`.
    """
    metric, own = METRICS[p.metric], dict(q.leaks)
    gains = [metric.sign * (own[picture] - value) for picture, value in p.leaks if picture in own]
    moved = [gain for gain in gains if gain]
    if not moved or statistics.median(gains) <= metric.thresholds["least"]:
        return False
    return sign_test(sum(gain > 0 for gain in moved), len(moved)) < CHANCE


def seen(p: Point, q: Point) -> tuple[int, int, int, int]:
    """Of the pictures that both have: how many a person would see under p, of how many, and the same under q."""
    common = {picture for picture, _ in p.leaks} & {picture for picture, _ in q.leaks}
    return len(p.seen & common), len(common), len(q.seen & common), len(common)


def helps(p: Point, bare: Point, among: int) -> bool:
    """Whether p leaves fewer pictures that a person would see than no defense, by more than chance, as one of `among` settings."""
    return beyond_chance(*seen(p, bare), among)


def error(p: Point) -> float:
    """Standard error of its accuracy; 0 of one training."""
    return (p.std or 0.0) / math.sqrt(max(1, p.seeds))


def pareto(found: Sequence[Point]) -> list[Point]:
    """The points that no other one beats; the most accurate is always among them.

    One beats another by being as accurate and leaking as little, and better in one of the two; or by being measurably
    more accurate without leaking measurably more.
    """
    done = [p for p in found if p.complete]
    return [p for p in done if not any(_beats(q, p) for q in done)]


def _beats(q: Point, p: Point) -> bool:
    a, b = (q.accuracy or 0.0, -q.exposure), (p.accuracy or 0.0, -p.exposure)
    if a[0] >= b[0] and a[1] >= b[1] and a != b:
        return True
    return a[0] - b[0] > max(2 * math.hypot(error(q), error(p)), POINT) and not less(p, q)
