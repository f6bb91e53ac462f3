"""A frontier as a document: every point with its median, interval and count, the controls, and the advice. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gi_core.analysis.frontier.advice import advice
from gi_core.analysis.frontier.controls import controls
from gi_core.analysis.frontier.points import points, strongest
from gi_core.metrics.intervals import wilson


def stated(rows: Sequence[dict[str, Any]], metric: str = "psnr", over: bool = True) -> dict[str, Any]:
    """What the page Frontier draws, as plain values. rows: `experiments.sweeps.table.records`. over: whether no more are to come.

    points: one for each setting and server, of the strongest attacker on each picture: pictures measured, how many of them a person
    would see with the 95 % interval of that share, the median of the metric with its interval, and accuracy with one standard
    deviation over its trainings. advice, level, limits: as `advice` has them. metric: of the medians.
    """
    found = points(rows, metric)
    by_server: dict[str, list[Any]] = {}
    for point in found:
        by_server.setdefault(point.server, []).append(point)
    said = advice(found, over=over)
    return {
        "metric": metric, "advice": said.claim, "level": said.level, "differences": said.seen, "limits": said.limits,
        "best": said.best.name if said.best else None,
        "points": [
            {
                "setting": p.name, "server": p.server, "pictures": len(p.leaks), "seen": len(p.seen),
                "seen_interval": list(wilson(len(p.seen), len(p.leaks))), "median": p.leakage, "interval": list(p.interval),
                "accuracy": p.accuracy, "accuracy_std": p.std, "trainings": p.seeds,
            }
            for group in by_server.values() for p in strongest(group)
        ],
        "controls": [
            {"control": c.kind, "server": c.server, "pictures": len(c.values), "median": c.leakage, "interval": list(c.interval)}
            for c in controls(rows, metric)
        ],
    }  # fmt: skip
