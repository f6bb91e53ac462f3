"""A chart on a page: plotly's own script, updated in place.

A component of Streamlit's second kind stands in the page itself: it is called again with new data while its elements stay, so
that `Plotly.react` moves the curves inside an unchanged chart. A component of the first kind is a frame with a document of its
own, which would load plotly's script once for each chart; `st.plotly_chart` takes a chart out and puts it in again at each
refresh, because a chart's identity there is its data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from gi_core.figures import Drawing
from gi_core.figures.drawing import WIDTH
from gi_core.figures.themes import SWAP
from pages.shared.places import WEB
from pages.shared.plotting import ADDRESS

_HTML = (
    '<div class="gi-chart"><div class="gi-plot" role="img"></div><p class="gi-failed">The chart did not load: reload the page.</p>'
    '<div class="gi-tools"><button type="button" class="svg" title="Save as SVG, with its settings">SVG</button>'
    '<button type="button" class="png" title="Save as PNG, with its settings">PNG</button></div></div>'
)
_CHART = st.components.v2.component(
    "gi_chart", html=_HTML, css=(WEB / "chart.css").read_text(), js=(WEB / "chart.js").read_text(), isolate_styles=False
)  # fmt: skip


def heading(title: str, aside: str) -> None:
    """A heading of a part, with what it means."""
    st.html(f'<h4 class="gi-sub">{title} <small>{aside}</small></h4>')


def draw(drawing: Drawing, key: str, pick: Callable[[str], None] | None = None) -> None:
    """Show it under that key, by which it is updated in place. pick: is told what was clicked, the first of a point's customdata."""

    def clicked() -> None:
        value = st.session_state[key].get("clicked")
        if pick is not None and value is not None:
            pick(str(value))

    more: dict[str, Any] = {"on_clicked_change": clicked} if pick is not None else {}
    _CHART(key=key, data=document(drawing, pick is not None), **more)


def document(drawing: Drawing, clickable: bool = False) -> dict[str, Any]:
    """What the browser is told: the chart without words above it, and those words for when it is saved."""
    width = drawing.layout.get("width", WIDTH)
    whole = drawing.document(titled=True, width=width)["layout"]
    shown = drawing.document(titled=False)
    return {
        "document": shown, "swap": SWAP, "script": ADDRESS, "alt": drawing.alt, "name": drawing.name, "clickable": clickable,
        "head": {"title": whole["title"], "margin": whole["margin"]}, "more": whole["height"] - shown["layout"]["height"], "width": width,
    }  # fmt: skip
