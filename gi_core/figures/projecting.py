"""A chart for a wall: letters and lines that are read from the last row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gi_core.figures.drawing import Drawing, merged
from gi_core.figures.themes import base

LETTERS, HEIGHT = 2.0, 1.35
"""Factors. On 1920 pixels an axis then has letters of 23 pixels, a fiftieth of the height of the picture."""


def projected(drawing: Drawing) -> Drawing:
    """The same, larger."""
    layout = _larger(merged(base(), drawing.layout))
    traces = [_larger(trace) for trace in drawing.traces]
    return replace(drawing, layout=layout, traces=traces, height=round(HEIGHT * drawing.height))


def _larger(part: Any, within: str = "") -> Any:
    """Sizes of fonts and widths of lines, wherever they stand."""
    if isinstance(part, dict):
        return {key: _scaled(key, value, within) for key, value in part.items()}
    return [_larger(value, within) for value in part] if isinstance(part, (list, tuple)) else part


def _scaled(key: str, value: Any, within: str) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and (key == "size" and within in ("font", "tickfont") or key == "width" and within == "line"):
        return LETTERS * value
    return _larger(value, key) if isinstance(value, dict) else value
