"""Leakage across, accuracy upwards: filled signs know the defense, hollow ones do not; rings are beaten by none; lines are controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.analysis.frontier import Control, Point, pareto, strongest
from gi_core.analysis.frontier.points import HONEST, NAIVE, alike, reading
from gi_core.figures import axes, marks, placing
from gi_core.figures.drawing import Drawing, Trace, text
from gi_core.figures.placing import Box
from gi_core.figures.themes import DASHES, GREY, INK, pale
from gi_core.metrics.registry import METRICS
from gi_core.metrics.words import SEEN

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TOP = 104
"""Per cent at the upper end of the axis."""
_FROM = "seen from here, at the latest"
_SEEN = {"naive": "does not know the defense", "adaptive": "knows the defense"}


def chart(
    found: Sequence[Point], both: bool = True, chosen: str = "", height: int = 480, controls: Sequence[Control] = ()
) -> Drawing:
    """found: complete points of the attackers shown. both: whether the attackers' points of a setting are joined. controls: what the
    attack makes of no update, as lines.

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
    traces += [_control(one, k) for k, one in enumerate(controls)]
    layout, front = _layout(metric.name, found, controls), pareto(strongest(found))
    if front:
        traces.append(_front(front))
        layout["annotations"] += _lettered(front, found, layout["xaxis"]["range"], layout["shapes"])
    return Drawing(
        "frontier", f"Accuracy against leakage ({metric.title}) of each defense",
        "Accuracy against leakage of each defense, strength and attacker, with the settings that no other one beats", traces, layout, height=height,
    )  # fmt: skip


def _layout(name: str, found: Sequence[Point], controls: Sequence[Control]) -> dict[str, Any]:
    metric = METRICS[name]
    ends = [end for interval in (*(p.interval for p in found), *(c.interval for c in controls)) for end in interval]
    seen = SEEN.get(name)
    low, high = min(ends, default=0.0), max([*ends, *([seen] if seen is not None else [])], default=1.0)
    pad = 0.05 * (high - low or 1.0)
    high = min(high + pad, alike(name) + pad)
    way = "more leaks to the right" if metric.better == "higher" else "more leaks to the left"
    shapes: list[dict[str, Any]] = [_band(one) for one in controls]
    notes: list[dict[str, Any]] = []
    if seen is not None:
        shapes.append(axes.mark(x=seen))
        notes.append(
            axes.note(_FROM, x=seen, y=0, yref="y domain", xanchor="right", yanchor="bottom", textangle=-90),
        )
    return {
        "xaxis": axes.plain(f"median {metric.axis}, {way}", range=[low - pad, high]), "yaxis": axes.plain("accuracy (%)", range=[0, TOP]),
        "shapes": shapes, "annotations": notes, "showlegend": True, "uirevision": name, "clickmode": "event",
    }  # fmt: skip


def _control(one: Control, number: int) -> Trace:
    """A line from bottom to top, at the median over pictures."""
    low, high = (reading(one.metric, end) for end in one.interval)
    said = f"{METRICS[one.metric].title} {reading(one.metric, one.leakage)} ({low} to {high}) on {len(one.values)} pictures"
    return {
        "type": "scatter", "mode": "lines", "name": f"control: {one.title}", "uid": f"control {one.kind}", "x": [one.leakage] * 2, "y": [0, TOP],
        "line": {"color": INK, "width": 1.5, "dash": DASHES[1 + number % (len(DASHES) - 1)]}, "hovertemplate": f"no update, {one.title}: {said}<extra></extra>",
    }  # fmt: skip


def _band(one: Control) -> dict[str, Any]:
    """The interval of a control's median."""
    low, high = one.interval
    return {
        "type": "rect", "layer": "below", "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "y domain", "line": {"width": 0},
        "fillcolor": pale(GREY, 0.12),
    }  # fmt: skip


def _signs(here: Sequence[Point], kind: str, kinds: Sequence[str], chosen: str) -> Trace:
    """The points of one kind of defense and one attacker, with the interval of the median over pictures and one standard
    deviation over seeds as a cross.
    """
    shade, naive = marks.colour(kind), here[0].attacker == NAIVE
    sizes = [19 if p.name == chosen else 13 for p in here]
    cross = {"color": marks.veil(shade), "thickness": 1.2, "width": 0}
    return {
        "type": "scatter", "mode": "markers", "name": text(marks.title(kind)), "legendgroup": kind, "uid": f"{kind} {naive}",
        "x": [p.leakage for p in here], "y": [100 * (p.accuracy or 0.0) for p in here],
        "marker": {"opacity": 1, "symbol": marks.shape(kind, kinds) + ("-open" if naive else ""), "color": shade, "size": sizes, "line": {"color": shade, "width": 2}},
        "error_x": {
            "type": "data", "symmetric": False, "array": [p.interval[1] - p.leakage for p in here],
            "arrayminus": [p.leakage - p.interval[0] for p in here], **cross,
        },
        "error_y": {"type": "data", "array": [100 * (p.std or 0.0) for p in here], **cross},
        "customdata": [[p.name, text(p.name), text(hover(p))] for p in here],
        "hovertemplate": "<b>%{customdata[1]}</b><br>%{customdata[2]}<extra></extra>",
    }  # fmt: skip


def hover(p: Point) -> str:
    """What hovering says."""
    low, high = (reading(p.metric, end) for end in p.interval)
    server = "" if p.server == HONEST else f"server {text(p.server)}, "
    return (
        f"{server}attacker {_SEEN.get(p.attacker, 'the strongest attacker')}: median {METRICS[p.metric].title} {reading(p.metric, p.leakage)}"
        f" ({low} to {high}) on {len(p.leaks)} of {p.asked} pictures, of which a person would see {len(p.seen)};"
        f" accuracy {100 * (p.accuracy or 0):.0f} %"
    )


def _joined(found: Sequence[Point]) -> Trace:
    """A dotted line between the attackers of each setting, with a gap after each."""
    x: list[float | None] = []
    y: list[float | None] = []
    for one in dict.fromkeys((p.name, p.server) for p in found):
        pair = [p for p in found if (p.name, p.server) == one]
        x += [*(p.leakage for p in pair), None]
        y += [*(100 * (p.accuracy or 0.0) for p in pair), None]
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip", "showlegend": False, "uid": "joined", "name": "same setting",
        "line": {"color": GREY, "width": 1, "dash": "2px,3px"},
    }  # fmt: skip


def _front(best: Sequence[Point]) -> Trace:
    """A dashed line through the settings that none beats, each with a ring."""
    line = sorted(best, key=lambda p: p.accuracy or 0.0)
    return {
        "type": "scatter", "mode": "lines+markers", "name": "ringed: beaten by none", "uid": "front", "hoverinfo": "skip",
        "x": [p.leakage for p in line], "y": [100 * (p.accuracy or 0.0) for p in line],
        "marker": {"symbol": "circle-open", "size": 24, "color": GREY, "line": {"width": 2, "color": GREY}},
        "line": {"color": GREY, "width": 1.5, "dash": "dash"},
    }  # fmt: skip


def _lettered(
    best: Sequence[Point], found: Sequence[Point], across: Sequence[float], drawn: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The letters of the settings that none beats, each at the end of a short line to its ring, where none lies on another."""
    low, high = across
    share = {id(p): ((p.leakage - low) / (high - low), 100 * (p.accuracy or 0.0) / TOP) for p in (*best, *found)}
    known = letters(best)
    order = sorted(best, key=lambda p: known[p.name])
    blocked = [Box(*share[id(p)], 16, 16) for p in found] + [Box(*share[id(p)], 26, 26) for p in best]
    for one in drawn:
        if one["type"] == "line":  # its words stand to the left of it
            blocked.append(Box((one["x0"] - low) / (high - low), 0, 18, 6.4 * len(_FROM), -9, 3.2 * len(_FROM)))
    wanted = [Box(*share[id(p)], 8.5 * len(known[p.name]) + 3, 16) for p in order]
    return [
        {
            "x": p.leakage, "y": 100 * (p.accuracy or 0.0), "ax": spot.dx, "ay": -spot.dy, "text": f"<b>{known[p.name]}</b>",
            "showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": GREY, "standoff": 12, "borderpad": 0,
            "font": {"size": 13, "color": INK}, "captureevents": False,
        }
        for p, spot in zip(order, placing.placed(wanted, blocked), strict=True)
        if spot is not None
    ]  # fmt: skip


def letters(best: Sequence[Point]) -> Mapping[str, str]:
    """Setting -> a letter short enough for the chart, by falling accuracy."""
    order = sorted(best, key=lambda p: (-(p.accuracy or 0.0), p.name))
    return {p.name: LETTERS[k % 26] + (str(k // 26) if k >= 26 else "") for k, p in enumerate(order)}
