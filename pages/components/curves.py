"""Curves and bars of a run.

Drawn with ECharts: a keyed chart is updated in place, where a plotly chart is taken out and put in
again at each refresh (its identity is its data), which flickers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from gi_core.runs.job import Point

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


def losses(runs: Mapping[str, Sequence[Point]], log: bool, key: str, height: int = 250) -> None:
    """Every loss term over the iterations; runs are told apart by name when there are two."""
    series = []
    for name, points in runs.items():
        x = np.array([p.iteration for p in points], dtype=np.int64)
        terms = dict.fromkeys(term for p in points for term in p.losses)
        for term in sorted(terms, key=lambda t: t != "total"):
            y = np.array([p.losses.get(term, np.nan) for p in points], dtype=float)
            if log:
                y[~(y > 0)] = np.nan
            label = term.replace("_", " ") + (f" · {name}" if len(runs) > 1 else "")
            series.append(_line(x, y, label, len(series)))
    _heading("Loss", "what the server sees")
    _draw(series, {"type": "log" if log else "value"}, key, height, "Loss terms over the iterations", corner="top")


def likeness(runs: Mapping[str, Sequence[Point]], key: str, height: int = 250) -> None:
    """PSNR (left) and SSIM (right): what the server cannot see."""
    series = []
    for name, points in runs.items():
        for axis, (field, title) in enumerate((("psnr", "PSNR (dB)"), ("ssim", "SSIM"))):
            known = [(p.iteration, getattr(p, field)) for p in points if getattr(p, field) is not None]
            x = np.array([k[0] for k in known], dtype=np.int64)
            y = np.array([k[1] for k in known], dtype=float)
            label = title + (f" · {name}" if len(runs) > 1 else "")
            series.append(_line(x, y, label, len(series)) | {"yAxisIndex": axis})
    _heading("Likeness to the original", "what it cannot see")
    axes = [{"type": "value"}, {"type": "value", "min": 0, "max": 1, "interval": 0.5, "splitLine": {"show": False}}]
    _draw(series, axes, key, height, "PSNR and SSIM over the iterations", corner="bottom")


def residuals(residual: Mapping[str, float], key: str, height: int = 250) -> None:
    """How much of each tensor of the update is still unexplained, 1 is all of it."""
    names = list(residual)
    least = min((v for v in residual.values() if v and np.isfinite(v) and v > 0), default=1e-3)
    floor = float(10 ** np.floor(np.log10(least) - 0.01))
    values = [v if v and np.isfinite(v) and v > 0 else None for v in residual.values()]
    bars = {"type": "bar", "data": values, "itemStyle": {"color": COLOURS[0]}, "barCategoryGap": "25%"}
    _heading("Unexplained gradient", "by layer, 1 is all of it")
    option = {
        "animation": False,
        "grid": _GRID,
        "tooltip": {"trigger": "axis", "valueFormatter": "%.2g", "confine": True},
        "xAxis": {"type": "category", "data": names, "axisLabel": {"rotate": 35, "width": 72, "overflow": "truncate"}},
        "yAxis": {"type": "log", "min": floor, "startValue": floor},
        "series": [bars],
    }
    st.echarts_chart(option, key=key, height=height, alt="Relative gradient residual of each layer")


_GRID = {"left": 4, "right": 8, "top": 12, "bottom": 4, "containLabel": True}


def _line(x: np.ndarray, y: np.ndarray, name: str, number: int) -> dict[str, Any]:
    x, y = thin(x, y)
    return {
        "type": "line",
        "name": name,
        "data": np.stack([x.astype(float), y], axis=1).tolist(),
        "symbol": "circle" if len(x) == 1 else "none",
        "lineStyle": {"color": COLOURS[number % 6], "type": DASHES[number % 6], "width": 2},
        "itemStyle": {"color": COLOURS[number % 6]},
    }


def _draw(series: list, y_axis: Any, key: str, height: int, alt: str, corner: str) -> None:
    """The look that lines share; updated in place, without animation."""
    option = {
        "animation": False,
        "grid": _GRID,
        "tooltip": {"trigger": "axis", "valueFormatter": "%.4g", "confine": True},
        "legend": {"right": 12, corner: 40 if corner == "bottom" else 8, "orient": "vertical", "itemWidth": 32},
        "xAxis": {"type": "value", "min": "dataMin", "max": "dataMax", "splitLine": {"show": False}},
        "yAxis": y_axis,
        "series": series,
    }
    st.echarts_chart(option, key=key, height=height, alt=alt)


def _heading(title: str, aside: str) -> None:
    st.html(f'<h4 class="gi-sub">{title} <small>{aside}</small></h4>')
