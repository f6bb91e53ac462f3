"""What lines share: thinning, dashes, bands, and lines that lie on each other told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gi_core.figures.drawing import Trace, text
from gi_core.figures.themes import DASHES, colour, pale

MOST = 600
"""Points of a line that are drawn."""


def thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `MOST` finite points, first and last among them."""
    good = np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) <= MOST:
        return x, y
    places = np.unique(np.linspace(0, len(x) - 1, MOST).round().astype(int))
    return x[places], y[places]


def line(x: Any, y: Any, name: str, number: int, **more: Any) -> Trace:
    """Line `number`: its colour and dash. x, y: sequences of one length; what is not finite leaves no gap.

    The first line is broader, so that a dashed one on top of it leaves it in sight.
    """
    across, up = thin(np.asarray(x), np.asarray(y, dtype=float))
    shade = {"color": colour(number)}
    return {
        "type": "scatter", "mode": "lines" if len(across) != 1 else "markers", "name": text(name), "uid": f"line {number} {name}",
        "x": across.tolist(), "y": up.tolist(), "line": {**shade, "dash": DASHES[number % len(DASHES)], "width": 3 if number == 0 else 2},
        "marker": shade, "hovertemplate": "%{y:.4g}",
    } | more  # fmt: skip


def band(x: Sequence[Any], low: Sequence[float], high: Sequence[float], number: int, shade: str = "") -> Trace:
    """The area between two curves, in the colour of line `number`: there and back again as one outline."""
    return {
        "type": "scatter", "mode": "lines", "x": [*x, *reversed(x)], "y": [*high, *reversed(low)], "fill": "toself", "name": "band",
        "fillcolor": pale(shade or colour(number)), "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "uid": f"band {number}",
    }  # fmt: skip


def told_apart(traces: list[Trace], log: bool = False) -> list[Trace]:
    """The same, where the name of a line that lies on an earlier one says so. log: whether their axis is logarithmic."""
    for number, one in enumerate(traces):
        for before in traces[:number]:
            if one.get("yaxis") == before.get("yaxis") and _together(one, before, log):
                one["name"] += f" (on {before['name']})"
                break
    return traces


def _together(one: Trace, other: Trace, log: bool) -> bool:
    """Whether no two points are further apart than a line is broad, a hundredth of what the lines span."""
    if list(one["x"]) != list(other["x"]) or not len(one["x"]):
        return False
    a, b = (np.asarray(line["y"], dtype=float) for line in (one, other))
    if log:
        a, b = np.log10(a), np.log10(b)
    return bool(np.abs(a - b).max() <= max(0.01 * float(np.ptp(b)), 1e-9))
