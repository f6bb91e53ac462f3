"""Leakage across, accuracy upwards: filled signs know the defense, hollow ones do not; rings are beaten by none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from gi_core.analysis.frontier import Point, pareto, strongest
from gi_core.analysis.frontier.points import ALIKE, NAIVE, reading
from gi_core.metrics.meanings import MEANINGS
from gi_core.metrics.words import CLEAR_PSNR, CLEAR_SSIM
from pages.components.frontier import signs
from pages.components.influence import charts

HEIGHT = 460
_LINES = {"psnr": CLEAR_PSNR, "ssim": CLEAR_SSIM}
_PREFIX = "setting:"


def draw(found: Sequence[Point], both: bool, key: str) -> str | None:
    """The chart; the name of the setting that was clicked, if any. found: complete points of the attackers shown."""
    event = st.echarts_chart(
        option(found, both), key=key, height=HEIGHT, on_select="rerun",
        alt="Accuracy against leakage of each defense, strength and attacker, with the settings that no other one beats",
    )  # fmt: skip
    selected = event.selection.selected if event else []
    names = [str(one["series_name"]) for one in selected if str(one.get("series_id") or "").startswith(_PREFIX)]
    return names[-1] if names else None


def option(found: Sequence[Point], both: bool) -> dict[str, Any]:
    """The ECharts option. both: whether the attackers' points of a setting are joined."""
    metric = MEANINGS[found[0].metric] if found else MEANINGS["psnr"]
    kinds = list(dict.fromkeys(p.kinds for p in found))
    series: list[dict[str, Any]] = []
    for number, p in enumerate(found):
        series.append(signs.bars(p, kinds.index(p.kinds)))
        series.append(_sign(p, kinds.index(p.kinds), number))
    if both:
        series += [signs.joined(name, found) for name in dict.fromkeys(p.name for p in found)]
    series += _front(pareto(strongest(found)))
    if metric.name in _LINES and series:
        series[-1]["markLine"] = charts.mark(xAxis=_LINES[metric.name]) | {
            "label": {
                "show": True,
                "formatter": "recognisable from here",
                "position": "insideStartTop",
                "color": "inherit",
            }
        }
    unit = f" ({metric.unit})" if metric.unit else ""
    way = "more leaks to the right" if metric.better == "higher" else "more leaks to the left"
    top = {"max": ALIKE} if metric.name == "psnr" else {}
    return {
        "animation": False,
        "grid": {"left": 4, "right": 30, "top": 30, "bottom": 26, "containLabel": True},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{a}<br>{@[2]}"},
        "xAxis": {
            "type": "value", "scale": True, "name": f"{metric.title}{unit}, {way}", "nameLocation": "middle", "nameGap": 28,
            "axisLine": {"onZero": False}, **top,
        },
        "yAxis": {"type": "value", "min": 0, "max": 100, "name": "Accuracy (%)", "nameTextStyle": {"align": "left"}},
        "series": series,
    }  # fmt: skip


def _sign(p: Point, kind: int, number: int) -> dict[str, Any]:
    colour, hollow = signs.colour(kind), p.attacker == NAIVE
    style = {"color": "transparent" if hollow else colour, "borderColor": colour, "borderWidth": 2}
    return {
        "type": "scatter", "id": f"{_PREFIX}{number}", "name": p.name, "selectedMode": "single", "z": 4,
        "data": [[p.leakage, 100 * (p.accuracy or 0.0), told(p)]], "symbol": signs.shape(kind),
        "symbolSize": 13, "itemStyle": style, "select": {"itemStyle": {"borderWidth": 4, "shadowBlur": 6, "shadowColor": colour}},
    }  # fmt: skip


def told(p: Point) -> str:
    """What hovering says."""
    seen = {"naive": "takes it for plain", "adaptive": "knows the defense"}.get(p.attacker, "the stronger attacker")
    return (
        f"attacker {seen}: {MEANINGS[p.metric].title} {reading(p.metric, p.leakage)} on {len(p.leaks)} of {p.asked},"
        f" accuracy {100 * (p.accuracy or 0):.0f} %"
    )


def _front(best: Sequence[Point]) -> list[dict[str, Any]]:
    """A dashed line through the settings that none beats, each with a ring and its name."""
    line = sorted(best, key=lambda p: p.accuracy or 0.0)
    return [{
        "type": "line", "name": "beaten by none", "silent": True, "z": 3, "tooltip": {"show": False},
        "data": [{"value": [p.leakage, 100 * (p.accuracy or 0.0)], "name": p.name} for p in line],
        "symbol": "circle", "symbolSize": 24, "itemStyle": {"color": "transparent", "borderColor": charts.GREY, "borderWidth": 2},
        "lineStyle": {"color": charts.GREY, "width": 1.5, "type": "dashed"},
        "label": {"show": True, "formatter": "{b}", "position": "top", "distance": 8, "fontWeight": "bold", "color": "inherit"},
        "labelLayout": {"moveOverlap": "shiftY", "hideOverlap": True},
    }]  # fmt: skip
