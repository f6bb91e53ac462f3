"""One point for each defense, strength and attacker: mean leakage over pictures, mean accuracy over seeds. No torch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.metrics.registry import METRICS, shown
from gi_core.metrics.words import of_row

ALIKE = METRICS["psnr"].thresholds["alike"]
"""dB: above it no eye and no later use tells pictures apart, so a mean is not carried by how far above one is."""
NONE = "none"
_OPEN = ("queued", "running", "pausing", "paused")
_NEVER = ("cancelled", "missing")
NAIVE, ADAPTIVE, STRONGER = "naive", "adaptive", "stronger"


@dataclass(frozen=True)
class Point:
    """name: the defense with its strength. kinds: of its defenses, joined by +. attacker: naive, adaptive or stronger.

    leaks: (picture and seed, value) of the metric, PSNR at most `ALIKE`. asked: experiments there will be. accuracy, std:
    in [0, 1] over `seeds` trainings, None before one has ended. runs: ids of those in `leaks`, in their order. waiting: experiments that may still end. unrun: experiments that were taken
    back or deleted. clear: runs in `leaks` whose picture a person would see, by the rule of `metrics.words`.
    """

    name: str
    kinds: str
    attacker: str
    metric: str
    leaks: tuple[tuple[str, float], ...]
    asked: int
    accuracy: float | None
    std: float | None
    seeds: int
    chance: float | None
    runs: tuple[str, ...]
    waiting: int = 0
    unrun: int = 0
    clear: int = 0

    @property
    def complete(self) -> bool:
        """Whether it can be drawn: something leaked or did not, and accuracy is known."""
        return bool(self.leaks) and self.accuracy is not None

    @property
    def leakage(self) -> float:
        """Mean of the metric over pictures."""
        return statistics.fmean(value for _, value in self.leaks)

    @property
    def spread(self) -> float:
        """Standard deviation over pictures, 0 of one."""
        return statistics.stdev(v for _, v in self.leaks) if len(self.leaks) > 1 else 0.0

    @property
    def exposure(self) -> float:
        """Leakage with its sign chosen so that more is worse, whatever the metric."""
        return METRICS[self.metric].sign * self.leakage


def points(rows: Iterable[dict[str, Any]], metric: str) -> list[Point]:
    """The points of naive and adaptive attackers, in order of first appearance, complete or not. rows: `experiments.sweeps.table.records`.

    An axis called `defense` names the points, else the defenses as written on a command line.
    """
    groups: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for row in rows:
        if (row.get("control") or "none") != "none":
            continue  # it says nothing of a defense
        groups.setdefault((row["defenses"], bool(row["adaptive"])), []).append(row)
    return [_point(defenses, adaptive, group, metric) for (defenses, adaptive), group in groups.items()]


def _point(defenses: str, adaptive: bool, group: Sequence[dict[str, Any]], metric: str) -> Point:
    known = [row for row in group if row.get(metric) is not None]
    trained = max(group, key=lambda row: row.get("accuracy_seeds") or 0)
    return Point(
        str(group[0].get("defense") or defenses), " + ".join(part.partition(":")[0] for part in defenses.split(" + ")),
        ADAPTIVE if adaptive else NAIVE, metric,
        tuple((f"{row['samples']}/{row['seed']}", _value(row, metric)) for row in known),
        len(group), trained.get("accuracy"), trained.get("accuracy_std"), trained.get("accuracy_seeds") or 0,
        trained.get("chance"), tuple(row["run_id"] for row in known),
        sum(row.get("state") in _OPEN for row in group), sum(row.get("state") in _NEVER for row in group),
        sum(of_row(row).level == "exposed" for row in known),
    )  # fmt: skip


def reading(metric: str, value: float) -> str:
    """The value with its unit, marked ≥ where pictures are alike."""
    return ("≥ " if value >= alike(metric) else "") + shown(metric, value)


def alike(metric: str) -> float:
    """The value from which on pictures count as alike; infinite for a metric that has no such value."""
    return METRICS[metric].thresholds.get("alike", math.inf)


def _value(row: dict[str, Any], metric: str) -> float:
    return min(float(row[metric]), alike(metric))


def strongest(found: Sequence[Point]) -> list[Point]:
    """One point for each defense: of each picture what the better of its attackers got, as whoever defends must assume.

    A defense one of whose attackers is still to come, or failed, is left out: it would look better than it is.
    """
    groups: dict[str, list[Point]] = {}
    for point in found:
        groups.setdefault(point.name, []).append(point)
    return [_worst(group) for group in groups.values() if all(p.leaks for p in group)]


def _worst(group: list[Point]) -> Point:
    first = group[0]
    sign = METRICS[first.metric].sign
    best: dict[str, tuple[float, str]] = {}
    for point in group:
        for (picture, value), run in zip(point.leaks, point.runs, strict=True):
            if picture not in best or sign * value > sign * best[picture][0]:
                best[picture] = value, run
    leaks = tuple((picture, value) for picture, (value, _) in best.items())
    return Point(
        first.name, first.kinds, STRONGER, first.metric, leaks, max(p.asked for p in group), first.accuracy, first.std,
        first.seeds, first.chance, tuple(run for _, run in best.values()),
        sum(p.waiting for p in group), sum(p.unrun for p in group), max(p.clear for p in group),
    )  # fmt: skip
