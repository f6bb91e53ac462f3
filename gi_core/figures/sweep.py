"""What a sweep found: every run as a dot, medians as a line, the middle half of the runs as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.analysis.trends import Trend
from gi_core.experiments.sweeps.choices import Choice, Placed, points
from gi_core.figures import axes, marks
from gi_core.figures.drawing import Drawing, Layout, Trace, short, text
from gi_core.figures.lines import band
from gi_core.figures.themes import DASHES, SIGNS, colour
from gi_core.metrics.registry import METRICS, shown

_WIDE = 50.0
"""Ratio of the largest to the least number from which an axis is logarithmic."""


def chart(records: Sequence[dict[str, Any]], choice: Choice, trends: Mapping[str, Trend], height: int = 360) -> Drawing:
    """One column of the sweep's table against another. trends: of each line (`gi_core/experiments/sweeps/answers.py`)."""
    found = points(records, choice)
    texts = list(dict.fromkeys(x for line in found.values() for x, _, _ in line if isinstance(x, str)))
    place = {name: k for k, name in enumerate(texts)}
    looks, traces = _looks(found), list[Trace]()
    for number, name in enumerate(found):
        traces += _median(name or "median", trends[name], number, looks[name], place)
    for name, line in found.items():
        traces.append(_dots(name or "median", line, choice, looks[name], place))
    title, measure = readable(choice.x), METRICS[choice.y]
    numbers = [x for line in found.values() for x, _, _ in line if not isinstance(x, str)]
    layout = {
        "xaxis": _across(title, texts, numbers), "yaxis": axes.plain(measure.axis, rangemode="tozero" if measure.from_zero else "normal"),
        "showlegend": True, "uirevision": f"{choice.x} {choice.y} {choice.series}",
    }  # fmt: skip
    leaks = f"{'higher' if measure.better == 'higher' else 'lower'} means that more leaks"
    return Drawing(
        "sweep", f"{measure.title} against {title}; {leaks}", f"{measure.title} against {title}: runs, medians and quartiles", traces, layout, height=height
    )  # fmt: skip


def readable(column: str) -> str:
    """A column's name inside a sentence."""
    return column.replace(" (axis)", "").replace("_", " ")


def _looks(found: Mapping[str, list[Placed]]) -> dict[str, tuple[str, str]]:
    """(colour, sign) of each line: a defense's own where the lines are defenses, else by number."""
    kinds = {
        name: {marks.kinds(str(row.get("defenses") or marks.NONE)) for _, _, row in line}
        for name, line in found.items()
    }
    alone = [next(iter(k)) for k in kinds.values() if len(k) == 1]
    if len(found) > 1 and len(alone) == len(found) and len(set(alone)) > 1:
        return {name: (marks.colour(k), marks.shape(k, alone)) for name, k in zip(found, alone, strict=True)}
    return {name: (colour(n), SIGNS[n % len(SIGNS)]) for n, name in enumerate(found)}


def _across(title: str, texts: list[str], numbers: list[float]) -> Layout:
    if texts or not numbers:
        return axes.names(texts, text(title))
    low, high = min(numbers), max(numbers)
    if low > 0 and high / low >= _WIDE:
        return axes.powers(text(title), numbers, showgrid=False)
    return axes.plain(text(title), showgrid=False)


def _median(name: str, one: Trend, number: int, look: tuple[str, str], place: Mapping[str, int]) -> list[Trace]:
    """Medians; the band where any group has more than one run and x is a number."""
    shade, sign = look
    drawn: list[Trace] = []
    if not place and len(one.groups) > 1 and any(g.high > g.low for g in one.groups):
        x, low, high = ([getattr(g, part) for g in one.groups] for part in ("x", "low", "high"))
        drawn.append(band(x, low, high, number, shade) | {"legendgroup": name})
    drawn.append({
        "type": "scatter", "mode": "markers" if place else "lines+markers", "name": text(short(name, 36)), "legendgroup": name, "uid": f"median {name}",
        "x": [place.get(str(g.x), g.x) for g in one.groups], "y": [g.median for g in one.groups],
        "customdata": [[text(name), g.n] for g in one.groups], "hovertemplate": "%{customdata[0]}: median %{y:.4g} of %{customdata[1]}<extra></extra>",
        "marker": {"color": shade, "symbol": sign, "size": 12 if place else 9}, "line": {"color": shade, "dash": DASHES[number % len(DASHES)], "width": 2},
    })  # fmt: skip
    return drawn


def _dots(name: str, line: list[Placed], choice: Choice, look: tuple[str, str], place: Mapping[str, int]) -> Trace:
    shade, sign = look
    return {
        "type": "scatter", "mode": "markers", "name": text(short(name, 36)), "legendgroup": name, "showlegend": False, "uid": f"runs {name}",
        "x": [place.get(str(x), x) for x, _, _ in line], "y": [y for _, y, _ in line],
        "customdata": [[text(name), shown(choice.y, y), row["position"]] for _, y, row in line],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]}, run %{customdata[2]}<extra></extra>",
        "marker": {"color": shade, "symbol": sign, "size": 6, "opacity": 0.55},
    }  # fmt: skip
