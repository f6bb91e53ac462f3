"""A network: equations against unknowns, one bar for each layer, the picture's layer first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.figures import axes
from gi_core.figures.drawing import Drawing, Trace, text
from gi_core.figures.themes import COLOURS, GREY, INK, pattern

_PASSED = ("ratio", "gradient", "joint")
_MOST_NAMES, _MOST_LABELS = 40, 12
_PARTS = (
    ("gradient", "gradient equations", COLOURS[0], ""),
    ("weights", "weight equations that add to them", COLOURS[5], "."),
    ("virtual", "virtual: for optimisers only", COLOURS[4], "/"),
    ("missing", "missing", COLOURS[1], "x"),
)
"""Stacked in this order: (part, title, colour, pattern)."""


def parts(layer: Mapping[str, Any]) -> dict[str, int]:
    """How a layer's unknowns are covered; the parts add up to the unknowns. layer: fields of `LayerRank`.

    Virtual constraints count only as far as they close the gap: R-GAP cannot use them, optimisers can.
    """
    if layer["route"] == "unsupported":
        return {"gradient": 0, "weights": 0, "virtual": 0, "missing": layer["unknowns"]}
    gradient = min(layer["rank_gradient"], layer["rank"])
    virtual = min(layer["virtual"], layer["deficiency"])
    return {
        "gradient": gradient, "weights": layer["rank"] - gradient, "virtual": virtual,
        "missing": layer["unknowns"] - layer["rank"] - virtual,
    }  # fmt: skip


def stack(report: Mapping[str, Any], height: int | None = None) -> Drawing:
    """Shares of each layer's unknowns; a full bar reaches the line. report: `RankReport.to_json()`. height: by its names where None."""
    layers = report["layers"]
    cover = [parts(layer) for layer in layers]
    names, places = [str(layer["name"]) for layer in layers], list(range(len(layers)))
    traces: list[Trace] = [
        {
            "type": "bar", "uid": part, "name": title, "x": places, "y": [c[part] / max(1, layer["unknowns"]) for c, layer in zip(cover, layers, strict=True)],
            "customdata": [[text(n), c[part], layer["unknowns"]] for n, c, layer in zip(names, cover, layers, strict=True)],
            "hovertemplate": "%{customdata[0]}: %{customdata[1]} of %{customdata[2]}",
            "marker": {
                "color": shade, "line": {"width": 0},
                "pattern": pattern(stroke if len(layers) <= _MOST_NAMES else ""),
            },
        }
        for part, title, shade, stroke in _PARTS
    ]  # fmt: skip
    labels = [
        axes.note(_short(layer), x=k, y=1, yanchor="bottom", yshift=2, font={"size": 12, "color": INK})
        for k, layer in enumerate(layers)
        if layer["route"] not in _PASSED and (len(layers) <= _MOST_LABELS or layer["name"] == report.get("breaking"))
    ]
    below = (
        {}
        if len(layers) <= _MOST_NAMES
        else {"showticklabels": False, "title": {"text": "layers, the picture on the left"}}
    )
    line = axes.mark(y=1) | {"line": {"color": GREY, "width": 2}}
    layout: dict[str, Any] = {
        "barmode": "stack", "xaxis": axes.names(names) | below, "shapes": [line], "annotations": labels, "hovermode": "x unified",
        "yaxis": axes.plain("", range=[0, 1.16], tickvals=[0, 0.5, 1], tickformat=".0%"),
    }  # fmt: skip
    return Drawing(
        "rank", "Equations for each unknown, by layer",
        "Share of each layer's unknowns that gradient, weight and virtual equations determine", traces, layout, height=height or 250 + 60 * bool(layout["xaxis"]["tickangle"]),
    )  # fmt: skip


def _short(layer: Mapping[str, Any]) -> str:
    return "stops" if layer["route"] == "unsupported" else f"{layer['deficiency']} short"
