"""What a sweep found, drawn: every run as a dot, medians as a line, the middle half of the runs as a band."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from gi_core.analysis.trends import Trend
from gi_core.experiments.sweeps.choices import Choice, points
from gi_core.figures import marks
from gi_core.metrics.registry import METRICS, shown
from pages.shared.result import charts
from pages.shared.result.bands import band
from pages.shared.result.curves import COLOURS, DASHES

HEIGHT = 340
_WIDE = 50.0
"""Ratio of the largest to the least number from which an axis is logarithmic."""
_SHAPES = ("circle", "rect", "triangle", "diamond", "pin", "roundRect")


def draw(records: list[dict[str, Any]], choice: Choice, trends: dict[str, Trend], key: str) -> None:
    """Partial results are drawn as they come; an empty chart keeps its place."""
    found = points(records, choice)
    texts = list(dict.fromkeys(x for line in found.values() for x, _, _ in line if isinstance(x, str)))
    series: list[dict[str, Any]] = []
    looks = _looks(found)
    for number, (name, line) in enumerate(found.items()):
        series += _line(name or "median", trends[name], number, looks[name], bool(texts))
        series.append(_dots(name or "median", line, choice, looks[name]))
    title = choice.x.replace(" (axis)", "").replace("_", " ")
    numbers = [x for line in found.values() for x, _, _ in line if not isinstance(x, str)]
    measure = METRICS[choice.y]
    aside = f"{'higher' if measure.better == 'higher' else 'lower'} means that more leaks"
    charts.heading(measure.axis, aside)
    charts.draw(
        series, _across(title, texts, numbers), {"type": "value", "scale": not measure.from_zero}, key,
        f"{measure.title} against {title}: runs, medians and quartiles", height=HEIGHT,
        legend={"data": list(dict.fromkeys(n or "median" for n in found)), "left": 0, "top": 0, "type": "scroll", "itemWidth": 30},
        grid={"left": 4, "right": 22, "top": 38, "bottom": 24, "containLabel": True},
        tooltip={"trigger": "item", "confine": True, "formatter": "{a}: {@[2]}"},
    )  # fmt: skip


def _looks(found: dict[str, list]) -> dict[str, tuple[str, str]]:
    """(colour, shape) of each line: a defense's own where the lines are defenses, else by number."""
    kinds = {
        name: {marks.kinds(str(row.get("defenses") or marks.NONE)) for _, _, row in line}
        for name, line in found.items()
    }
    alone = [next(iter(k)) for k in kinds.values() if len(k) == 1]
    if len(found) > 1 and len(alone) == len(found) and len(set(alone)) > 1:
        return {name: (marks.colour(k), marks.shape(k, alone)) for name, k in zip(found, alone, strict=True)}
    return {name: (COLOURS[n % 6], _SHAPES[n % 6]) for n, name in enumerate(found)}


def _across(title: str, texts: list[str], numbers: list[float]) -> dict[str, Any]:
    common = {"name": title, "nameLocation": "middle", "nameGap": 26, "splitLine": {"show": False}}
    if texts or not numbers:
        return {
            "type": "category",
            "data": texts,
            "axisLabel": {"interval": 0, "width": 90, "overflow": "truncate"},
        } | common
    low, high = min(numbers), max(numbers)
    if low > 0 and high / low >= _WIDE:
        ends = {"min": 10 ** math.floor(math.log10(low)), "max": 10 ** math.ceil(math.log10(high))}
        return {"type": "log", **ends} | common
    return {
        "type": "value",
        "scale": True,
        "minInterval": 1 if all(float(x).is_integer() for x in numbers) else None,
    } | common


def _line(name: str, one: Trend, number: int, look: tuple[str, str], text: bool) -> list[dict[str, Any]]:
    """Medians; the band where any group has more than one run and x is a number."""
    colour, shape = look
    medians = [[g.x, g.median, f"median {g.median:.4g} of {g.n}"] for g in one.groups]
    drawn: list[dict[str, Any]] = []
    if not text and len(one.groups) > 1 and any(g.high > g.low for g in one.groups):
        x, low, high = ([getattr(g, part) for g in one.groups] for part in ("x", "low", "high"))
        drawn += band(x, low, high, number, colour)
    drawn.append({
        "type": "line", "name": name, "data": medians, "encode": {"x": 0, "y": 1, "tooltip": [2]},
        "symbol": charts.SYMBOLS.get(shape, shape), "symbolSize": 11 if text else 8, "z": 3,
        "lineStyle": {"color": colour, "width": 0 if text else 2, "type": DASHES[number % 6]}, "itemStyle": {"color": colour},
    })  # fmt: skip
    return drawn


def _dots(name: str, line: list, choice: Choice, look: tuple[str, str]) -> dict[str, Any]:
    points = [[x, y, f"{shown(choice.y, y)}, run {row['position']}"] for x, y, row in line]
    return {
        "type": "scatter", "name": name, "data": points, "encode": {"x": 0, "y": 1, "tooltip": [2]},
        "symbol": charts.SYMBOLS.get(look[1], look[1]), "symbolSize": 5,
        "itemStyle": {"color": look[0], "opacity": 0.55},
    }  # fmt: skip


def options(records: list[dict[str, Any]], columns: list[str]) -> list[str]:
    """The columns that vary, to choose from."""
    return [c for c in columns if not c or len({str(row.get(c)) for row in records if row.get(c) is not None}) > 1]


def choose(
    records: list[dict[str, Any]], first: Choice, across: list[str], lines: list[str], measures: tuple[str, ...]
) -> Choice:
    """Three selections above the chart."""
    across = list(dict.fromkeys([first.x, *options(records, across)]))
    lines = list(dict.fromkeys([first.series, *options(records, lines)]))
    known = [m for m in measures if any(row.get(m) is not None for row in records)] or [first.y]
    with st.container(horizontal=True, gap="small", key="sweep_choice"):
        x = st.selectbox("Across", across, key="sweep_x", format_func=readable, width=230)
        series = st.selectbox(
            "Lines", lines, key="sweep_series", format_func=lambda c: readable(c) or "one for all", width=230
        )
        y = st.selectbox("Measure", known, key="sweep_y", format_func=lambda m: METRICS[m].title, width=170)
    return Choice(x, y or first.y, series or "")


def readable(column: str) -> str:
    """A column's name for a person."""
    text = column.replace(" (axis)", "").replace("_", " ")
    return text[:1].upper() + text[1:]
