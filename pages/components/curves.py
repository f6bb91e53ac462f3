"""Curves and bars of a run, drawn with plotly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from gi_core.runs.job import Point

MOST = 1000
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_CONFIG = {"displayModeBar": False, "responsive": True}


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
    import plotly.graph_objects as go

    figure, number = go.Figure(), 0
    for name, points in runs.items():
        x = np.array([p.iteration for p in points], dtype=np.int64)
        terms = list(dict.fromkeys(term for p in points for term in p.losses))
        for term in sorted(terms, key=lambda t: t != "total"):
            y = np.array([p.losses.get(term, np.nan) for p in points], dtype=float)
            if log:
                y = np.where(y > 0, y, np.nan)
            label = term.replace("_", " ") + (f" · {name}" if len(runs) > 1 else "")
            _line(figure, go, *thin(x, y), label, number)
            number += 1
    _finish(figure, height, log=log)
    _heading("Loss", "what the server sees")
    st.plotly_chart(figure, key=key, config=_CONFIG, height=height, alt="Loss terms over the iterations")


def likeness(runs: Mapping[str, Sequence[Point]], key: str, height: int = 250) -> None:
    """PSNR (left) and SSIM (right): what the server cannot see."""
    import plotly.graph_objects as go

    figure, number = go.Figure(), 0
    for name, points in runs.items():
        for field, title, axis in (("psnr", "PSNR (dB)", "y"), ("ssim", "SSIM", "y2")):
            known = [(p.iteration, getattr(p, field)) for p in points if getattr(p, field) is not None]
            x = np.array([k[0] for k in known], dtype=np.int64)
            y = np.array([k[1] for k in known], dtype=float)
            _line(figure, go, *thin(x, y), title + (f" · {name}" if len(runs) > 1 else ""), number, axis)
            number += 1
    _finish(figure, height, corner="bottom")
    _heading("Likeness to the original", "what it cannot see")
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "showgrid": False, "range": [-0.05, 1.05], "tickvals": [0, 0.5, 1]})
    st.plotly_chart(figure, key=key, config=_CONFIG, height=height, alt="PSNR and SSIM over the iterations")


def residuals(residual: Mapping[str, float], key: str, height: int = 250) -> None:
    """How much of each tensor of the update is still unexplained, 1 is all of it."""
    import plotly.graph_objects as go

    names = list(residual)
    values = np.array([residual[n] or np.nan for n in names], dtype=float)
    figure = go.Figure(
        go.Bar(
            x=np.arange(len(names)), y=values, marker_color=COLOURS[0], customdata=names,
            hovertemplate="%{customdata}: %{y:.2g}<extra></extra>",
        )
    )  # fmt: skip
    _finish(figure, height, log=True)
    _heading("Unexplained gradient", "by layer, 1 is all of it")
    few = len(names) <= 12
    ticks = names if few else [n if k % -(-len(names) // 10) == 0 else "" for k, n in enumerate(names)]
    figure.update_xaxes(tickvals=np.arange(len(names)), ticktext=ticks, tickangle=-35, title=None)
    st.plotly_chart(figure, key=key, config=_CONFIG, height=height, alt="Relative gradient residual of each layer")


def _line(figure: Any, go: Any, x: np.ndarray, y: np.ndarray, name: str, number: int, axis: str = "y") -> None:
    line = {"color": COLOURS[number % 6], "dash": DASHES[number % 6], "width": 2}
    mode = "lines" if len(x) > 1 else "markers"
    figure.add_trace(go.Scatter(x=x, y=y, name=name, mode=mode, line=line, yaxis=axis))


def _heading(title: str, aside: str) -> None:
    st.html(f'<h4 class="gi-sub">{title} <small>{aside}</small></h4>')


def _finish(figure: Any, height: int, log: bool = False, corner: str = "top") -> None:
    """The look that all charts share; `uirevision` keeps a zoom across refreshes."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 10, "b": 8},
        legend={
            "x": 1, "xanchor": "right", "y": 1 if corner == "top" else 0, "yanchor": corner,
            "font": {"size": 12}, "bgcolor": "rgba(0,0,0,0)",
        },
        uirevision="kept",
        showlegend=True if len(figure.data) > 1 else None,
        hovermode="x unified",
    )
    figure.update_xaxes(title={"text": "iteration", "font": {"size": 12}}, automargin=True)
    figure.update_yaxes(type="log" if log else "linear", automargin=True, exponentformat="power", nticks=6)
