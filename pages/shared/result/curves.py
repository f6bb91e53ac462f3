"""Curves and bars of a run.

Drawn with ECharts: a keyed chart is updated in place, where a plotly chart is taken out and put in
again at each refresh (its identity is its data), which flickers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from gi_core.jobs.job import Point
from gi_core.metrics.registry import LIVE, METRICS
from pages.shared.result import charts

MOST = 1000
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito
DASHES: tuple[Any, ...] = ("solid", [8, 4], [2, 3], [10, 3, 2, 3], [14, 5], [5, 2, 2, 2, 2, 2])


def thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `MOST` finite points, first and last among them."""
    good = np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) <= MOST:
        return x, y
    places = np.unique(np.linspace(0, len(x) - 1, MOST).round().astype(int))
    return x[places], y[places]


_MAIN = ("total", "gradient")
CROWDED, _IN_A_ROW = 3, 2
"""Lines above which the legend stands over the chart instead of in its corner; how many names a row of it holds."""


def losses(runs: Mapping[str, Sequence[Point]], log: bool, key: str, height: int = 250) -> None:
    """Loss terms over the iterations: all of one run; of two, by name, those that both go by."""
    series: list[dict[str, Any]] = []
    for name, points in runs.items():
        x = np.array([p.iteration for p in points], dtype=np.int64)
        terms = dict.fromkeys(term for p in points for term in p.losses)
        for term in sorted(terms, key=lambda t: t != "total"):
            if len(runs) > 1 and term not in _MAIN:
                continue
            y = np.array([p.losses.get(term, np.nan) for p in points], dtype=float)
            label = term.replace("_", " ") + (f" · {name}" if len(runs) > 1 else "")
            series.append(_line(x, y, label, len(series), log))
    charts.heading("Loss", "what the server sees")
    _draw(series, _POWERS if log else {"type": "value"}, key, height, "Loss terms over the iterations", "top")


def likeness(runs: Mapping[str, Sequence[Point]], key: str, height: int = 250) -> None:
    """PSNR (left) and SSIM (right): what the server cannot see."""
    series: list[dict[str, Any]] = []
    for name, points in runs.items():
        for axis, metric in enumerate(METRICS[name] for name in LIVE):
            known = [(p.iteration, getattr(p, metric.name)) for p in points if getattr(p, metric.name) is not None]
            x = np.array([k[0] for k in known], dtype=np.int64)
            y = np.array([k[1] for k in known], dtype=float)
            label = metric.axis + (f" · {name}" if len(runs) > 1 else "")
            series.append(_line(x, y, label, len(series)) | {"yAxisIndex": axis})
    charts.heading("Likeness to the original", "what it cannot see")
    axes = [{"type": "value"}, {"type": "value", "min": 0, "max": 1, "interval": 0.5, "splitLine": {"show": False}}]
    _draw(series, axes, key, height, "PSNR and SSIM over the iterations", "bottom")


def residuals(residual: Mapping[str, float | None], key: str, height: int = 250) -> None:
    """How much of each tensor of the update is still unexplained, 1 is all of it."""
    values = np.array([residual[name] or np.nan for name in residual], dtype=float)
    powers = np.log10(np.where(values > 0, values, np.nan))
    known = powers[np.isfinite(powers)]
    floor = float(np.floor(known.min() - 0.05)) if known.size else -1.0
    bars = [
        [k, float(p), float(v)] if np.isfinite(p) else [k, None, None]
        for k, (p, v) in enumerate(zip(powers, values, strict=True))
    ]
    charts.heading("Unexplained gradient", "by layer, 1 is all of it")
    option = {
        "animation": False,
        "grid": _GRID | {"left": 30},  # the first name leans out to the left
        "tooltip": {"trigger": "axis", "valueFormatter": "%.2g", "confine": True},
        "xAxis": {
            "type": "category", "data": list(residual),
            "axisLabel": {"rotate": 35, "width": 72, "overflow": "truncate"},
        },
        "yAxis": _POWERS | {"min": floor, "startValue": floor},
        "series": [{
            "type": "bar", "data": bars, "encode": {"x": 0, "y": 1, "tooltip": [2]},
            "itemStyle": {"color": COLOURS[0]}, "barCategoryGap": "25%",
        }],
    }  # fmt: skip
    st.echarts_chart(option, key=key, height=height, alt="Relative gradient residual of each layer")


_GRID = {"left": 4, "right": 8, "top": 12, "bottom": 4, "containLabel": True}
# a logarithmic axis whose labels stay short: the powers of ten are drawn, hovering says the values
_POWERS: dict[str, Any] = {"type": "value", "scale": True, "minInterval": 1, "axisLabel": {"formatter": "1e{value}"}}


def _line(x: np.ndarray, y: np.ndarray, name: str, number: int, log: bool = False) -> dict[str, Any]:
    x, y = thin(x, np.where(y > 0, y, np.nan) if log else y)
    return {
        "type": "line",
        "name": name,
        "data": np.stack([x.astype(float), np.log10(y) if log else y, y], axis=1).tolist(),
        "encode": {"x": 0, "y": 1, "tooltip": [2]},
        "symbol": "circle" if len(x) == 1 else "none",
        "lineStyle": {"color": COLOURS[number % 6], "type": DASHES[number % 6], "width": 2},
        "itemStyle": {"color": COLOURS[number % 6]},
    }


def _draw(series: list[dict[str, Any]], y_axis: Any, key: str, height: int, alt: str, corner: str) -> None:
    """The look that lines share; updated in place, without animation."""
    crowded, rows = len(series) > CROWDED, -(-len(series) // _IN_A_ROW)
    place = (
        {"left": 0, "right": 0, "top": 0, "orient": "horizontal", "itemGap": 8}
        if crowded
        else {"right": 24, corner: 36 if corner == "bottom" else 8, "orient": "vertical"}
    )
    option = {
        "animation": False,
        "grid": _GRID | ({"top": 22 * rows + 12} if crowded else {}),
        "tooltip": {"trigger": "axis", "valueFormatter": "%.4g", "confine": True},
        "legend": place | {"itemWidth": 32, "itemStyle": {"opacity": 0}},
        "xAxis": {
            "type": "value", "min": "dataMin", "max": "dataMax", "minInterval": 1, "splitLine": {"show": False},
            "axisLabel": {"showMaxLabel": False},
        },
        "yAxis": y_axis,
        "series": series,
    }  # fmt: skip
    st.echarts_chart(option, key=key, height=height + (22 * rows if crowded else 0), alt=alt)
