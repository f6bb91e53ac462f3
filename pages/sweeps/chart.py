"""What a sweep found, drawn, and the choice of what is drawn."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.analysis.trends import Trend
from gi_core.experiments.sweeps.choices import Choice
from gi_core.figures import drawing
from gi_core.metrics.registry import METRICS
from pages.shared.result import charts


def draw(records: list[dict[str, Any]], choice: Choice, trends: dict[str, Trend], key: str, caption: str) -> None:
    """Partial results are drawn as they come; an empty chart keeps its place."""
    measure = METRICS[choice.y]
    charts.heading(measure.axis, f"{'higher' if measure.better == 'higher' else 'lower'} means that more leaks")
    charts.draw(drawing("sweep", records, choice, trends).under(caption), key)


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
