"""A run: its loss terms, its likeness to the original, and how much of each tensor of the update is unexplained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gi_core.figures import axes
from gi_core.figures.drawing import Drawing, Trace, text
from gi_core.figures.lines import line, told_apart
from gi_core.figures.themes import COLOURS
from gi_core.metrics.registry import LIVE, METRICS

if TYPE_CHECKING:
    from gi_core.jobs.job import Point

_MAIN = ("total", "gradient")
Runs = Mapping[str, "Sequence[Point]"]
"""Name -> points of the curve; the name is written where there are several."""


def losses(runs: Runs, log: bool = True, height: int = 250) -> Drawing:
    """Loss terms over the iterations: all of one run; of several, by name, those that all go by."""
    traces: list[Trace] = []
    for name, points in runs.items():
        x = np.array([p.iteration for p in points], dtype=np.int64)
        terms = dict.fromkeys(term for p in points for term in p.losses)
        for term in sorted(terms, key=lambda t: t != "total"):
            if len(runs) > 1 and term not in _MAIN:
                continue
            y = np.array([p.losses.get(term, np.nan) for p in points], dtype=float)
            label = term.replace("_", " ") + (f" · {name}" if len(runs) > 1 else "")
            traces.append(line(x, np.where(y > 0, y, np.nan) if log else y, label, len(traces)))
    across = axes.whole("iteration", *_ends(traces), uirevision="across")
    values = [v for trace in traces for v in trace["y"]]
    up = axes.powers("loss", values, uirevision="log") if log else axes.plain("loss", uirevision="linear")
    layout = {"xaxis": across, "yaxis": up, "hovermode": "x unified", "showlegend": True}
    return Drawing(
        "losses", "Loss: what the server sees", "Loss terms over the iterations", told_apart(traces, log), layout, height=height
    )  # fmt: skip


def likeness(runs: Runs, height: int = 250) -> Drawing:
    """PSNR (left) and SSIM (right) over the iterations: what the server cannot see."""
    traces: list[Trace] = []
    for name, points in runs.items():
        for axis, metric in enumerate(METRICS[name] for name in LIVE):
            known = [(p.iteration, getattr(p, metric.name)) for p in points if getattr(p, metric.name) is not None]
            x = np.array([k[0] for k in known], dtype=np.int64)
            label = metric.axis + (f" · {name}" if len(runs) > 1 else "")
            if axis and not known and len(runs) > 1:
                continue  # of several runs a second axis that holds nothing would only fill the legend
            side = {"yaxis": "y2"} if axis else {}
            traces.append(line(x, [k[1] for k in known], label, len(traces), **side))
    left, right = (METRICS[name].axis for name in LIVE)
    layout = {
        "xaxis": axes.whole("iteration", *_ends(traces), uirevision="across"), "yaxis": axes.plain(left, uirevision="left"),
        "yaxis2": axes.plain(right, overlaying="y", side="right", range=[0, 1.04], tickvals=[0, 0.5, 1], showgrid=False, uirevision="right"),
        "hovermode": "x unified", "showlegend": True,
    }  # fmt: skip
    return Drawing(
        "likeness", "Likeness to the original: what the server cannot see", "PSNR and SSIM over the iterations",
        told_apart(traces), layout, height=height,
    )  # fmt: skip


def residuals(residual: Mapping[str, float | None], height: int = 250) -> Drawing:
    """|g - g*| / |g*| of each tensor of the update: how much is unexplained, 1 is all of it. None or 0: no bar."""
    names = list(residual)
    values = [residual[name] or None for name in names]
    known = [v for v in values if v and np.isfinite(v) and v > 0]
    floor = float(np.floor(np.log10(min(known)) - 0.05)) if known else -1.0
    top = float(np.log10(max(known))) if known else 0.0
    bars = {
        "type": "bar", "uid": "residual", "name": "unexplained", "x": list(range(len(names))), "y": [v if v in known else None for v in values],
        "marker": {"color": COLOURS[0]}, "customdata": [text(n) for n in names], "hovertemplate": "%{customdata}: %{y:.2g}<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": axes.names(names),
        "yaxis": axes.powers("unexplained share", known, range=[floor, max(0.0, top) + 0.05]),
    }
    return Drawing(
        "residuals", "Unexplained gradient by layer; 1 is all of it", "Relative gradient residual of each layer", [bars], layout, height=height
    )  # fmt: skip


def _ends(traces: Sequence[Trace]) -> tuple[float, float]:
    """First and last iteration of them."""
    found = [x for trace in traces for x in trace["x"]]
    return min(found, default=0), max(found, default=1)
