"""One picture's influence: predicted error over noise levels, and the spectrum behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gi_core.analysis.risk import BLURRED
from gi_core.figures import axes
from gi_core.figures.drawing import Drawing, Trace
from gi_core.figures.lines import line, told_apart
from gi_core.figures.themes import COLOURS

LOWEST, HIGHEST = 1e-4, 10.0
"""Errors per pixel between which curves are drawn."""


def curve(
    found: Mapping[str, Any], sigma: float | None = None, rmse: float | None = None, height: int = 240
) -> Drawing:
    """Predicted error per pixel over noise levels, without and with a picture prior.

    found: one picture of the answer (`gi_core/types/influence.py`). sigma: the noise looked at; rmse: the error there.
    """
    levels = found["curve"]
    traces: list[Trace] = []
    for number, (title, values) in enumerate(
        (("without a prior", levels["rmse"]), ("with a prior", levels["rmse_with_prior"]))
    ):
        points = [(s, r) for s, r in zip(levels["noise_std"], values, strict=True) if r and LOWEST <= r <= HIGHEST]
        traces.append(line([s for s, _ in points], [r for _, r in points], title, number, hovertemplate="%{y:.2g}"))
    marks = [axes.mark(y=BLURRED)]
    labels = [
        axes.note(
            "hardly better than guessing", x=0, xref="x domain", xanchor="left", y=math.log10(BLURRED), yanchor="bottom"
        )
    ]
    if sigma is not None:
        marks.append(axes.mark(x=sigma))
        inside = rmse is not None and LOWEST <= rmse <= HIGHEST
        traces.append({
            "type": "scatter", "mode": "markers", "uid": "now", "name": "at this noise", "x": [sigma] if inside else [], "y": [rmse] if inside else [],
            "marker": {"color": COLOURS[0], "size": 11, "symbol": "circle"}, "hoverinfo": "skip",
        })  # fmt: skip
    layout = {
        "xaxis": axes.powers("noise σ on each value of the update", levels["noise_std"], hoverformat=".3g"),
        "yaxis": axes.powers("error per pixel", (LOWEST, HIGHEST), range=[math.log10(LOWEST), math.log10(HIGHEST)]),
        "shapes": marks, "annotations": labels, "hovermode": "x unified", "showlegend": True,
    }  # fmt: skip
    return Drawing(
        "curve", "Predicted error over noise", "Predicted error per pixel over noise levels, without and with a picture prior",
        told_apart(traces[:2], log=True) + traces[2:], layout, height=height,
    )  # fmt: skip


def places(spectrum: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """(rank, eigenvalue), strongest first, as a stored spectrum says them: ranks of an estimate are those that its nodes stand for."""
    values = np.array(spectrum["values"], float)[::-1]
    return (spectrum["count"] - np.array(spectrum["places"], float)[::-1]) * spectrum["pixels"] / spectrum[
        "count"
    ], values


def spectrum(
    found: Mapping[str, Any], points: tuple[np.ndarray, np.ndarray] | None = None, rank: int | None = None, height: int = 330
) -> Drawing:  # fmt: skip
    """Eigenvalues of J J^T by rank. points: (rank, eigenvalue) where more is known than what is stored. rank: the one looked at."""
    stored = found["spectrum"]
    ranks, values = places(stored) if points is None else points
    return _spectrum(ranks, values, stored, rank, height)


def _spectrum(
    ranks: np.ndarray, values: np.ndarray, stored: Mapping[str, Any], rank: int | None, height: int
) -> Drawing:
    good = values > 0
    exact = bool(stored["exact"])
    look = {"mode": "lines"} if exact else {"mode": "markers", "marker": {"color": COLOURS[0], "size": 5}}
    drawn = line(
        ranks[good], values[good], "eigenvalue", 0, hovertemplate="rank %{x:.0f}: %{y:.3g}<extra></extra>", **look
    )
    layout = {
        "xaxis": axes.whole("rank, strongest first", 0, stored["pixels"], range=[0, stored["pixels"]]), "yaxis": axes.powers("eigenvalue of J Jᵀ", values),
        "shapes": [axes.mark(x=rank)] if rank is not None else [], "showlegend": False,
    }  # fmt: skip
    return Drawing(
        "spectrum", "How strongly the gradient shows each pattern" + ("" if exact else " (estimated)"),
        "Eigenvalues of the picture's Jacobian by rank, logarithmic", [drawn], layout, height=height,
    )  # fmt: skip


def singular_values(found: Mapping[str, Any], height: int = 330) -> Drawing:
    """Singular values s_k = sqrt(lambda_k) of the picture's Jacobian J, by rank, and the condition s_1 / s_d."""
    stored = found["spectrum"]
    ranks, values = places(stored)
    roots = np.sqrt(np.maximum(values, 0))
    drawing = _spectrum(ranks, roots, stored, None, height)
    drawing.layout["yaxis"] = axes.powers("singular value of J", roots)
    drawing.traces[0]["name"] = "singular value"
    return Drawing(
        "singular_values", "Singular values of the picture's Jacobian", "Singular values of the picture's Jacobian by rank, logarithmic",
        drawing.traces, drawing.layout, height=height,
    )  # fmt: skip
