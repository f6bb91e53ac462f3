"""Standing controls of a frontier: what the same attack makes of no update, beside the points. No torch."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gi_core.analysis.frontier.points import clipped, server_of
from gi_core.metrics.intervals import median_interval
from gi_core.settings.controls import CONTROLS


@dataclass(frozen=True)
class Control:
    """kind: a key of `settings.controls.CONTROLS`. values: of the metric, one for each picture."""

    kind: str
    server: str
    metric: str
    values: tuple[float, ...]

    @property
    def title(self) -> str:
        return CONTROLS[self.kind][0].partition(": ")[2]

    @property
    def leakage(self) -> float:
        """Median of the metric over pictures."""
        return statistics.median(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        """Of that median, at 95 %."""
        return median_interval(self.values)


def controls(rows: Iterable[dict[str, Any]], metric: str) -> list[Control]:
    """One of each kind and server that has ended with a picture, in order of first appearance."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        kind = row.get("control") or "none"
        if kind in CONTROLS and row.get(metric) is not None:
            found.setdefault((kind, server_of(row)), []).append(clipped(row, metric))
    return [Control(kind, server, metric, tuple(values)) for (kind, server), values in found.items()]
