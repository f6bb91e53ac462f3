"""Axes: plain, in powers of ten, of names; and lines across a chart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from gi_core.figures.drawing import Layout, short, text
from gi_core.figures.themes import GREY

_LONG, _MANY = 9, 7
"""Letters of a name, and names on an axis, above which they are turned."""


def plain(title: str = "", **more: Any) -> Layout:
    """A linear axis."""
    return {"title": {"text": title}, "exponentformat": "power", "nticks": 7} | more


def powers(title: str = "", values: Iterable[float | None] = (), **more: Any) -> Layout:
    """A logarithmic axis; hovering says the values. values: what is drawn on it.

    Over two decades or more only powers of ten have labels; below, plotly finds others between them.
    """
    known = [v for v in values if v is not None and v > 0 and math.isfinite(v)]
    decades = math.log10(max(known) / min(known)) if known else 0.0
    step: Layout = {"tickmode": "auto", "nticks": 5}
    if decades >= 1.5:
        step = {"tickmode": "linear", "tick0": 0, "dtick": max(1, math.ceil(decades / 6))}
    # plotly draws powers of ten a quarter larger than other numbers
    small = {"tickfont": {"size": 9.6}}
    return {
        "type": "log",
        "title": {"text": title},
        "exponentformat": "power",
        "minexponent": 3,
        **small,
        **step,
    } | more


def whole(title: str, first: float, last: float, **more: Any) -> Layout:
    """An axis of whole numbers, such as iterations or rounds, from first to last: one step has no label between."""
    step = {"tickmode": "linear", "tick0": 0, "dtick": 1} if last - first <= 10 else {}
    said = {"unifiedhovertitle": {"text": f"{title} %{{x}}"}}
    return plain(title, showgrid=False, tickformat=",d", **said, **step, **more)


def names(words: Sequence[str], title: str = "", **more: Any) -> Layout:
    """An axis of names at 0, 1, 2 and so on: long ones are shortened, many are turned, and none is left out."""
    turned = len(words) > _MANY or any(len(w) > _LONG for w in words) and len(words) > 3
    return {
        "title": {"text": title}, "tickmode": "array", "tickvals": list(range(len(words))), "ticktext": [text(short(w, 20)) for w in words],
        "tickangle": -35 if turned else 0, "range": [-0.6, len(words) - 0.4], "showgrid": False, "zeroline": False, "ticklabeloverflow": "allow",
    } | more  # fmt: skip


def mark(**at: float) -> dict[str, Any]:
    """A dashed line across a chart, at x= or y=, in the units of the axis."""
    place: dict[str, Any] = (
        {"x0": at["x"], "x1": at["x"], "y0": 0, "y1": 1, "yref": "y domain"}
        if "x" in at
        else {"y0": at["y"], "y1": at["y"], "x0": 0, "x1": 1, "xref": "x domain"}
    )
    return {"type": "line", "layer": "below", "line": {"color": GREY, "width": 1.5, "dash": "dash"}, **place}


def note(words: str, **place: Any) -> dict[str, Any]:
    """Small words in a chart. place: plotly's, in the units of the axes."""
    return {"text": text(words), "showarrow": False, "font": {"size": 12, "color": GREY}} | place
