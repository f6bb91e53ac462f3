"""A band between two curves, for a chart's lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pages.shared.result.curves import COLOURS


def band(
    x: Sequence[Any], low: Sequence[float], high: Sequence[float], number: int, colour: str = ""
) -> list[dict[str, Any]]:
    """Two series in the colour of line `number`: an invisible line at the lower end, and the band's height stacked on it."""
    common = {
        "type": "line", "stack": f"band {number}", "stackStrategy": "all", "symbol": "none", "silent": True,
        "lineStyle": {"opacity": 0}, "tooltip": {"show": False},
    }  # fmt: skip
    heights = [[a, top - bottom] for a, bottom, top in zip(x, low, high, strict=True)]
    area = {"color": colour or COLOURS[number % 6], "opacity": 0.18}
    return [
        {**common, "name": f"band {number} low", "data": [list(point) for point in zip(x, low, strict=True)]},
        {**common, "name": f"band {number}", "data": heights, "areaStyle": area},
    ]
