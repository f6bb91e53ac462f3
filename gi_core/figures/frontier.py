"""Leakage across, accuracy upwards: filled signs know the defense, hollow ones do not; rings are beaten by none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.analysis.frontier import Point, pareto, strongest
from gi_core.analysis.frontier.points import NAIVE, alike, reading
from gi_core.figures import axes, marks
from gi_core.figures.drawing import Drawing, Trace, text
from gi_core.figures.themes import GREY, INK
from gi_core.metrics.registry import METRICS
from gi_core.metrics.words import SEEN

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SEEN = {"naive": "does not know the defense", "adaptive": "knows the defense"}


def chart(found: Sequence[Point], both: bool = True, chosen: str = "", height: int = 480) -> Drawing:
    """found: complete points of the attackers shown. both: whether the attackers' points of a setting are joined.

    chosen: a setting that stands out. The first entry of a sign's customdata is its setting's name.
    """
    metric = METRICS[found[0].metric] if found else METRICS["psnr"]
    traces = [_joined(found)] if both else []
    kinds = sorted({p.kinds for p in found}, key=lambda k: (k != marks.NONE, marks.title(k)))
    for kind in kinds:
        for naive in (False, True):
            here = [p for p in found if p.kinds == kind and (p.attacker == NAIVE) is naive]
            if here:
                traces.append(_signs(here, kind, kinds, chosen))
    told: set[str] = set()
    for trace in traces:  # one name for each kind, whoever attacks
        group = trace.get("legendgroup")
        if group in told:
            trace["showlegend"] = False
        told |= {group} if group else set()
    front = pareto(strongest(found))
    if front:
        traces.append(_front(front))
    layout = _layout(metric.name, found)
    return Drawing(
        "frontier", f"Accuracy against leakage ({metric.title}) of each defense",
        "Accuracy against leakage of each defense, strength and attacker, with the settings that no other one beats", traces, layout, height=height,
    )  # fmt: skip


def _layout(name: str, found: Sequence[Point]) -> dict[str, Any]:
    metric = METRICS[name]
    ends = [p.leakage + side * p.spread for p in found for side in (-1, 1)]
    seen = SEEN.get(name)
    low, high = min(ends, default=0.0), max([*ends, *([seen] if seen is not None else [])], default=1.0)
    pad = 0.05 * (high - low or 1.0)
    high = min(high + pad, alike(name) + pad)
    way = "more leaks to the right" if metric.better == "higher" else "more leaks to the left"
    shapes, notes = [], []
    if seen is not None:
        shapes.append(axes.mark(x=seen))
        notes.append(
            axes.note(
                "seen from here, at the latest",
                x=seen,
                y=0,
                yref="y domain",
                xanchor="right",
                yanchor="bottom",
                textangle=-90,
            )
        )
    return {
        "xaxis": axes.plain(f"{metric.axis}, {way}", range=[low - pad, high]), "yaxis": axes.plain("accuracy (%)", range=[0, 104]),
        "shapes": shapes, "annotations": notes, "showlegend": True, "uirevision": name, "clickmode": "event",
    }  # fmt: skip


def _signs(here: Sequence[Point], kind: str, kinds: Sequence[str], chosen: str) -> Trace:
    """The points of one kind of defense and one attacker, with one standard deviation over pictures and over seeds as a cross."""
    shade, naive = marks.colour(kind), here[0].attacker == NAIVE
    sizes = [19 if p.name == chosen else 13 for p in here]
    cross = {"color": marks.veil(shade), "thickness": 1.2, "width": 0}
    return {
        "type": "scatter", "mode": "markers", "name": text(marks.title(kind)), "legendgroup": kind, "uid": f"{kind} {naive}",
        "x": [p.leakage for p in here], "y": [100 * (p.accuracy or 0.0) for p in here],
        "marker": {"opacity": 1, "symbol": marks.shape(kind, kinds) + ("-open" if naive else ""), "color": shade, "size": sizes, "line": {"color": shade, "width": 2}},
        "error_x": {"type": "data", "array": [p.spread for p in here], **cross},
        "error_y": {"type": "data", "array": [100 * (p.std or 0.0) for p in here], **cross},
        "customdata": [[p.name, text(p.name), text(hover(p))] for p in here],
        "hovertemplate": "<b>%{customdata[1]}</b><br>%{customdata[2]}<extra></extra>",
    }  # fmt: skip


def hover(p: Point) -> str:
    """What hovering says."""
    return (
        f"attacker {_SEEN.get(p.attacker, 'the stronger attacker')}: {METRICS[p.metric].title} {reading(p.metric, p.leakage)}"
        f" on {len(p.leaks)} of {p.asked}, accuracy {100 * (p.accuracy or 0):.0f} %"
    )


def _joined(found: Sequence[Point]) -> Trace:
    """A dotted line between the attackers of each setting, with a gap after each."""
    x: list[float | None] = []
    y: list[float | None] = []
    for name in dict.fromkeys(p.name for p in found):
        pair = [p for p in found if p.name == name]
        x += [*(p.leakage for p in pair), None]
        y += [*(100 * (p.accuracy or 0.0) for p in pair), None]
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip", "showlegend": False, "uid": "joined", "name": "same setting",
        "line": {"color": GREY, "width": 1, "dash": "2px,3px"},
    }  # fmt: skip


def _front(best: Sequence[Point]) -> Trace:
    """A dashed line through the settings that none beats, each with a ring and its letter."""
    line, known = sorted(best, key=lambda p: p.accuracy or 0.0), letters(best)
    return {
        "type": "scatter", "mode": "lines+markers+text", "name": "ringed: beaten by none", "uid": "front", "hoverinfo": "skip",
        "x": [p.leakage for p in line], "y": [100 * (p.accuracy or 0.0) for p in line],
        "text": [known[p.name] for p in line], "textposition": _beside(line), "textfont": {"size": 13, "color": INK},
        "marker": {"symbol": "circle-open", "size": 24, "color": GREY, "line": {"width": 2, "color": GREY}},
        "line": {"color": GREY, "width": 1.5, "dash": "dash"},
    }  # fmt: skip


def _beside(line: Sequence[Point]) -> list[str]:
    """Where each letter stands, so that those of near points do not lie on each other."""
    spread = max((p.leakage for p in line), default=0.0) - min((p.leakage for p in line), default=0.0) or 1.0
    sides, found = ("top center", "bottom center", "middle right", "middle left"), list[str]()
    for k, p in enumerate(line):
        near = [
            found[j] for j, q in enumerate(line[:k])
            if math.hypot((p.leakage - q.leakage) / spread, (p.accuracy or 0.0) - (q.accuracy or 0.0)) < 0.06
        ]  # fmt: skip
        found.append(next((side for side in sides if side not in near), sides[0]))
    return found


def letters(best: Sequence[Point]) -> Mapping[str, str]:
    """Setting -> a letter short enough for the chart, by falling accuracy."""
    order = sorted(best, key=lambda p: (-(p.accuracy or 0.0), p.name))
    return {p.name: LETTERS[k % 26] + (str(k // 26) if k >= 26 else "") for k, p in enumerate(order)}
