"""Leakage across, accuracy upwards: filled signs know the defense, hollow ones do not; rings are beaten by none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from gi_core.analysis.frontier import Point, pareto, strongest
from gi_core.analysis.frontier.points import NAIVE, alike, reading
from gi_core.figures import marks
from gi_core.metrics.registry import METRICS
from gi_core.metrics.words import CLEAR
from pages.frontier import signs
from pages.shared.result import charts

HEIGHT = 460
_SETTINGS, _CLICKED = "settings", "frontier.clicked"


def draw(found: Sequence[Point], both: bool, key: str) -> str | None:
    """The chart; the name of the setting that was clicked, if any. found: complete points of the attackers shown."""
    event = st.echarts_chart(
        option(found, both), key=key, height=HEIGHT, on_select="rerun",
        alt="Accuracy against leakage of each defense, strength and attacker, with the settings that no other one beats",
    )  # fmt: skip
    selected = event.selection.selected if event else []
    places: list[int] = next((one["data_indices"] for one in selected if one.get("series_id") == _SETTINGS), [])
    place = places[0] if places else None
    if place == st.session_state.get(_CLICKED):  # as it was: points that come in move the places of the others
        return None
    st.session_state[_CLICKED] = place
    return found[place].name if place is not None and place < len(found) else None


def option(found: Sequence[Point], both: bool) -> dict[str, Any]:
    """The ECharts option. both: whether the attackers' points of a setting are joined."""
    metric = METRICS[found[0].metric] if found else METRICS["psnr"]
    kinds = {p.kinds for p in found}
    front = pareto(strongest(found))
    series: list[dict[str, Any]] = []
    series += [signs.bars(p) for p in found]
    series.append({
        "type": "scatter", "id": _SETTINGS, "name": "settings", "selectedMode": "single", "z": 4, "symbolSize": 13,
        "data": [_sign(p, marks.shape(p.kinds, kinds)) for p in found],
        "select": {"itemStyle": {"borderWidth": 5}},
    })  # fmt: skip
    if both:
        series += [signs.joined(name, found) for name in dict.fromkeys(p.name for p in found)]
    series += _front(front)
    if metric.name in CLEAR and series:
        series[-1]["markLine"] = charts.mark(xAxis=CLEAR[metric.name]) | {
            "label": {
                "show": True,
                "formatter": "recognisable from here, at the latest",
                "position": "insideStartTop",
                "color": charts.GREY,
            }
        }
    way = "more leaks to the right" if metric.better == "higher" else "more leaks to the left"
    top = {"max": alike(metric.name)} if math.isfinite(alike(metric.name)) else {}
    return {
        "animation": False,
        "grid": {"left": 4, "right": 30, "top": 30, "bottom": 26, "containLabel": True},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}<br>{@[2]}"},
        "xAxis": {
            "type": "value", "scale": True, "name": f"{metric.axis}, {way}", "nameLocation": "middle", "nameGap": 28,
            "axisLine": {"onZero": False}, **top,
        },
        "yAxis": {"type": "value", "min": 0, "max": 100, "name": "Accuracy (%)", "nameTextStyle": {"align": "left"}},
        "series": series,
    }  # fmt: skip


def _sign(p: Point, shape: str) -> dict[str, Any]:
    colour = marks.colour(p.kinds)
    style = {"color": "transparent" if p.attacker == NAIVE else colour, "borderColor": colour, "borderWidth": 2}
    value = [p.leakage, 100 * (p.accuracy or 0.0), hover(p)]
    return {"name": p.name, "value": value, "symbol": charts.SYMBOLS.get(shape, shape), "itemStyle": style}


def hover(p: Point) -> str:
    """What hovering says."""
    seen = {"naive": "does not know the defense", "adaptive": "knows the defense"}.get(
        p.attacker, "the stronger attacker"
    )
    return (
        f"attacker {seen}: {METRICS[p.metric].title} {reading(p.metric, p.leakage)} on {len(p.leaks)} of {p.asked},"
        f" accuracy {100 * (p.accuracy or 0):.0f} %"
    )


def _front(best: Sequence[Point]) -> list[dict[str, Any]]:
    """A dashed line through the settings that none beats, each with a ring."""
    line, letters = sorted(best, key=lambda p: p.accuracy or 0.0), signs.letters(best)
    return [{
        "type": "line", "name": "beaten by none", "silent": True, "z": 3, "tooltip": {"show": False},
        "data": [{"value": [p.leakage, 100 * (p.accuracy or 0.0)], "name": letters[p.name]} for p in line],
        "label": {"show": True, "formatter": "{b}", "position": "top", "distance": 3, "fontSize": 13, "fontWeight": "bold",
                  "color": charts.GREY},
        "labelLayout": {"moveOverlap": "shiftY"},
        "symbol": "circle", "symbolSize": 24, "itemStyle": {"color": "transparent", "borderColor": charts.GREY, "borderWidth": 2},
        "lineStyle": {"color": charts.GREY, "width": 1.5, "type": "dashed"},
    }]  # fmt: skip
