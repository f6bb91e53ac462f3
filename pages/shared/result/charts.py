"""What charts share: powers of ten, one look, updated in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

GRID = {"left": 4, "right": 14, "top": 28, "bottom": 22, "containLabel": True}
GREY = "#8a949e"
SYMBOLS = {"square": "rect", "triangle-up": "triangle", "hexagon": "roundRect", "triangle-down": "pin"}
"""Signs of `gi_core/figures` -> those of ECharts, where they differ."""
Option = dict[str, Any]


def heading(title: str, aside: str) -> None:
    """A heading of a part, with what it means."""
    st.html(f'<h4 class="gi-sub">{title} <small>{aside}</small></h4>')


def power(value: float) -> float | None:
    """log10 for an axis of powers; None leaves a gap."""
    return float(np.log10(value)) if value > 0 and np.isfinite(value) else None


def powers(name: str, **more: Any) -> dict[str, Any]:
    """A logarithmic axis whose labels stay short; values on it are logarithms."""
    return {
        "type": "value", "scale": True, "minInterval": 1, "name": name, "nameLocation": "middle",
        "nameGap": 24, "axisLabel": {"formatter": "1e{value}"}, "axisLine": {"onZero": False}, **more,
    }  # fmt: skip


def along(name: str, **more: Any) -> dict[str, Any]:
    """The same standing upright: its name is at the top."""
    return powers(name, **more) | {
        "nameLocation": "end", "nameGap": 8, "nameTextStyle": {"align": "left", "padding": [0, 0, 0, -24]}
    }  # fmt: skip


def mark(**at: float) -> dict[str, Any]:
    """A dashed line across a chart."""
    return {
        "silent": True, "symbol": "none", "animation": False, "label": {"show": False}, "data": [at],
        "lineStyle": {"color": GREY, "type": "dashed", "width": 1.5},
    }  # fmt: skip


def draw(
    series: Sequence[Option], x: Option, y: Option | list[Option], key: str, alt: str, height: int = 230, **more: Any
) -> None:
    """One chart, without animation. y: one axis, or those of the left and the right."""
    option: Option = {
        "animation": False,
        "grid": GRID,
        "xAxis": {"axisLine": {"onZero": False}} | x,
        "yAxis": y,
        "series": list(series),
        **more,
    }
    option.setdefault("tooltip", {"trigger": "item", "confine": True, "valueFormatter": "%.3g"})
    st.echarts_chart(option, key=key, height=height, alt=alt)
