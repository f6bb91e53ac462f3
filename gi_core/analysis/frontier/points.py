"""One point for each setting, server and attacker: median leakage over pictures, mean accuracy over seeds. No torch."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.metrics.intervals import median_interval
from gi_core.metrics.registry import METRICS, shown
from gi_core.metrics.words import of_row

ALIKE = METRICS["psnr"].thresholds["alike"]
"""dB: above it no eye and no later use tells pictures apart, so nothing is carried by how far above one is."""
NONE = "none"
_OPEN = ("queued", "running", "pausing", "paused")
_NEVER = ("cancelled", "missing")
NAIVE, ADAPTIVE, STRONGER = "naive", "adaptive", "stronger"
HONEST, SUMMED = "honest", "secure_aggregation"
_CLIENTS = re.compile(r"clients=(\d+)")


@dataclass(frozen=True)
class Point:
    """name: the setting. kinds: of its defenses, joined by +, secure aggregation among them. attacker: naive, adaptive or stronger.

    leaks: (picture and seed, value) of the metric, PSNR at most `ALIKE`. asked: experiments there will be. accuracy, std:
    in [0, 1] over `seeds` trainings, None before one has ended. runs: ids of those in `leaks`, in their order. waiting:
    experiments that may still end. unrun: experiments that were taken back or deleted. seen: of `leaks`, the pictures that a person
    would see, by the rule of `metrics.words`. server: as on a command line.
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
    seen: frozenset[str] = frozenset()
    server: str = HONEST

    @property
    def complete(self) -> bool:
        """Whether it can be drawn: something leaked or did not, and accuracy is known."""
        return bool(self.leaks) and self.accuracy is not None

    @property
    def leakage(self) -> float:
        """Median of the metric over pictures."""
        return statistics.median(value for _, value in self.leaks)

    @property
    def interval(self) -> tuple[float, float]:
        """Of that median, at 95 %."""
        return median_interval([value for _, value in self.leaks])

    @property
    def exposure(self) -> float:
        """Leakage with its sign chosen so that more is worse, whatever the metric."""
        return METRICS[self.metric].sign * self.leakage


def points(rows: Iterable[dict[str, Any]], metric: str) -> list[Point]:
    """The points of naive and adaptive attackers, in order of first appearance, complete or not. rows: `experiments.sweeps.table.records`.

    An axis called `defense` names the points, else the defenses as written on a command line. Standing controls are left out.
    """
    own = [row for row in rows if (row.get("control") or "none") == "none"]
    summed = len({_clients(row) for row in own}) > 1  # where all are summed, it is no measure that is compared
    groups: dict[tuple[str, str, str, bool], list[dict[str, Any]]] = {}
    for row in own:
        key = (row["defenses"], str(row.get("client")), server_of(row), bool(row["adaptive"]))
        groups.setdefault(key, []).append(row)
    return [_point(group, metric, summed) for group in groups.values()]


def server_of(row: dict[str, Any]) -> str:
    """What sends the network, as on a command line."""
    return str(row.get("server") or HONEST)


def _clients(row: dict[str, Any]) -> int:
    found = _CLIENTS.search(str(row.get("client")))
    return int(found[1]) if found else 1


def _point(group: Sequence[dict[str, Any]], metric: str, summed: bool) -> Point:
    first, known = group[0], [row for row in group if row.get(metric) is not None]
    trained = max(group, key=lambda row: row.get("accuracy_seeds") or 0)
    kinds = [part.partition(":")[0] for part in first["defenses"].split(" + ")]
    if summed and _clients(first) > 1:
        kinds = [SUMMED, *(kind for kind in kinds if kind != NONE)]
    return Point(
        str(first.get("defense") or first["defenses"]), " + ".join(kinds), ADAPTIVE if first["adaptive"] else NAIVE, metric,
        tuple((_picture(row), clipped(row, metric)) for row in known),
        len(group), trained.get("accuracy"), trained.get("accuracy_std"), trained.get("accuracy_seeds") or 0,
        trained.get("chance"), tuple(row["run_id"] for row in known),
        sum(row.get("state") in _OPEN for row in group), sum(row.get("state") in _NEVER for row in group),
        frozenset(_picture(row) for row in known if of_row(row).level == "exposed"), server_of(first),
    )  # fmt: skip


def _picture(row: dict[str, Any]) -> str:
    return f"{row['samples']}/{row['seed']}"


def reading(metric: str, value: float) -> str:
    """The value with its unit, marked ≥ where pictures are alike."""
    return ("≥ " if value >= alike(metric) else "") + shown(metric, value)


def alike(metric: str) -> float:
    """The value from which on pictures count as alike; infinite for a metric that has no such value."""
    return METRICS[metric].thresholds.get("alike", math.inf)


def clipped(row: dict[str, Any], metric: str) -> float:
    """The row's value, at most that from which on pictures are alike."""
    return min(float(row[metric]), alike(metric))


def strongest(found: Sequence[Point]) -> list[Point]:
    """One point for each setting: of each picture what the best of its attackers got, as whoever defends must assume.

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
        sum(p.waiting for p in group), sum(p.unrun for p in group), frozenset().union(*(p.seen for p in group)),
        " or ".join(dict.fromkeys(p.server for p in group)),
    )  # fmt: skip
