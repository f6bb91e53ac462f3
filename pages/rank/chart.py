"""Equations against unknowns, one bar for each layer, the picture's layer first."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.analysis.rank import LayerRank, RankReport

# stacked in this order: (title, colour, pattern, how many of them)
_SLASH = {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [3, 3], "rotation": 0.785, "color": "rgba(0,0,0,0.45)"}
_DOTS = {
    "symbol": "circle",
    "dashArrayX": [[4, 4], [0, 4, 4, 0]],
    "dashArrayY": [4, 0],
    "symbolSize": 0.7,
    "color": "rgba(255,255,255,0.8)",
}
_NONE = {"symbol": "none"}
_MOST_NAMES, _MOST_ROTATED = 12, 40


def parts(layer: LayerRank) -> dict[str, int]:
    """How a layer's unknowns are covered; the parts add up to the unknowns.

    Virtual constraints count only as far as they close the gap: R-GAP cannot use them, optimisers can.
    """
    if layer.route == "unsupported":
        return {"gradient": 0, "weights": 0, "virtual": 0, "missing": layer.unknowns}
    gradient = min(layer.rank_gradient, layer.rank)
    virtual = min(layer.virtual, layer.deficiency)
    return {
        "gradient": gradient,
        "weights": layer.rank - gradient,
        "virtual": virtual,
        "missing": layer.unknowns - layer.rank - virtual,
    }


_SERIES: tuple[tuple[str, str, str, dict], ...] = (
    ("gradient", "Gradient equations", "#0072B2", _NONE),
    ("weights", "Weight equations that add to them", "#56B4E9", _DOTS),
    ("virtual", "Virtual: for optimisers only", "#E69F00", _SLASH),
    ("missing", "Missing", "#D55E00", _SLASH),
)


def draw(report: RankReport, height: int = 175) -> None:
    """Shares of each layer's unknowns; a full bar reaches the line."""
    key = "".join(f'<span><i class="gi-key-{name}"></i>{title}</span>' for name, title, _, _ in _SERIES)
    st.html(
        '<h4 class="gi-sub">Equations for each unknown <small>by layer, the picture on the left;'
        f' a bar that reaches the line determines its layer</small></h4><p class="gi-key">{key}</p>'
    )
    st.echarts_chart(
        option(report), key="rank_chart", height=height,
        alt="Share of each layer's unknowns that gradient, weight and virtual equations determine",
    )  # fmt: skip


def option(report: RankReport) -> dict[str, Any]:
    """The ECharts option."""
    layers = report.layers
    cover = [parts(layer) for layer in layers]
    series: list[dict[str, Any]] = [
        {
            "type": "bar", "stack": "all", "name": title, "barCategoryGap": "28%", "barMaxWidth": 72,
            "itemStyle": {"color": colour, "decal": pattern if len(layers) <= _MOST_ROTATED else _NONE},
            "data": [[k, p[name] / max(1, layer.unknowns), p[name]] for k, (layer, p) in enumerate(zip(layers, cover, strict=True))],
            "encode": {"x": 0, "y": 1, "tooltip": [2]},
        }
        for name, title, colour, pattern in _SERIES
    ]  # fmt: skip
    short = [
        {"coord": [k, 1.0], "value": "stops" if layer.route == "unsupported" else f"{layer.deficiency} short"}
        for k, layer in enumerate(layers)
        if not layer.passed and (len(layers) <= _MOST_NAMES or layer.name == report.breaking)
    ]
    series[-1]["markLine"] = {
        "silent": True, "symbol": "none", "data": [{"yAxis": 1.0}], "lineStyle": {"type": "solid", "width": 2, "color": "#8a949e"},
        "label": {"show": False},
    }  # fmt: skip
    series[-1]["markPoint"] = {
        "silent": True, "symbol": "rect", "symbolSize": 0.01, "data": short,
        "label": {"formatter": "{c}", "position": "top", "fontWeight": "bold", "color": "inherit"},
    }  # fmt: skip
    return {
        "animation": True, "animationDuration": 0, "animationDurationUpdate": 250,
        "grid": {"left": 4, "right": 8, "top": 24, "bottom": 0, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True, "axisPointer": {"type": "shadow"}},
        "xAxis": {
            "type": "category", "data": [layer.name for layer in layers],
            "axisLabel": {"show": len(layers) <= _MOST_ROTATED, "rotate": 35 if len(layers) > _MOST_NAMES else 0, "width": 84, "overflow": "truncate", "hideOverlap": True},
        },
        "yAxis": {"type": "value", "min": 0, "max": 1.0, "interval": 0.5, "axisLabel": {"show": False}},
        "series": series,
    }  # fmt: skip
