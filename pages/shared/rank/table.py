"""The numbers behind the chart, one line for each layer; measured ones beside the counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from gi_core.analysis.rank import LayerRank, RankReport
from pages.shared import telling, words
from pages.shared.rank import marks

ROUTES = {
    "ratio": "division",
    "gradient": "gradient alone",
    "joint": "both together",
    "under-determined": "short of rank",
    "unsupported": "stops here",
}
COLUMNS: dict[str, tuple[str, str]] = {
    "layer": ("Layer", "Name in the network; the layer that sees the picture comes first."),
    "what": ("What", "Channels in and out, kernel (k), stride (s), padding (p), groups (g), dilation (d)."),
    "mark": (
        "Back?",
        "✓ its input is determined exactly; a number: so many unknowns stay open; ✕ the recursion stops.",
    ),
    "route": (
        "Solved by",
        "division: a dense layer's gradient divided by k; gradient alone: one channel at a time; both together:"
        " gradient and weight equations in one system.",
    ),
    "unknowns": ("Unknowns", "Values of the layer's input, padding not counted."),
    "rank": ("Rank", "Independent equations, gradient and weight ones together."),
    "deficiency": ("Short", "Unknowns minus rank: 0 means that R-GAP recovers the input exactly."),
    "virtual": ("Virtual", "Restrictions from the layers before: R-GAP cannot use them, an optimiser can."),
    "index": ("RA index", "Short minus virtual: 0 or less means determined for optimisation."),
    "rank_gradient": ("Rank G", "Independent equations among the gradient ones."),
    "rank_weight": ("Rank W", "Independent equations among the weight ones."),
    "overlap": ("Shared", "Dimensions that gradient and weight equations have in common."),
    "gradient_constraints": ("Gradient eq.", "Equations from the weight gradient: one for each weight."),
    "weight_constraints": ("Weight eq.", "Equations W x = z: one for each output value."),
    "kernel_rank": ("One channel", "Rank of the gradient equations of one channel, of so many pixels."),
    "padding": ("Padding", "Padded values: known to be zero, left out of the unknowns."),
    "condition": ("Condition", "Largest over smallest singular value: how much errors grow in this layer."),
    "reason": ("Why", "Why the recursion stops."),
}
ROW = 32
_WIDTHS = {"mark": 84, "layer": 96}
_MEASURED = {
    "measured": ("Rank, measured", "Rank of the real equations, with the network's weights; ≠ marks disagreement."),
    "measured_condition": ("Condition, measured", "Condition of the real equations."),
}


def draw(report: RankReport, measured: Mapping[str, Any] | None) -> None:
    """measured: a numeric report's JSON, of the same network."""
    found = {entry["name"]: entry for entry in (measured or {}).get("layers", ())}
    lines = [line(layer, found.get(layer.name)) for layer in report.layers]
    shown = [name for name in COLUMNS if any(entry.get(name) not in (None, "") for entry in lines)]
    if found:
        at = shown.index("rank") + 1 if "rank" in shown else len(shown)
        shown[at:at] = list(_MEASURED)
    about = {**COLUMNS, **_MEASURED}
    config = {
        name: st.column_config.Column(
            about[name][0], help=about[name][1], pinned=name == "layer", width=_WIDTHS.get(name)
        )
        for name in shown
    }
    st.dataframe(
        lines, column_order=shown, column_config=config, hide_index=True, key="rank_table", placeholder="–",
        row_height=ROW, height=min(ROW * (len(lines) + 1), 560) + 3, alt="Unknowns, equations and ranks of every layer",
    )  # fmt: skip
    _reasons(report)


def _reasons(report: RankReport) -> None:
    """Each reason why a recursion stops, once, from the output side."""
    stopped: dict[str, list[LayerRank]] = {}
    for layer in reversed(report.layers):
        if layer.reason:
            stopped.setdefault(layer.reason, []).append(layer)
    for reason, layers in stopped.items():
        more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
        st.html(
            f'<p class="gi-about">{marks.of(layers[0]).html()} <b>{words.escape(layers[0].name)}</b>{more}:'
            f" {words.escape(telling.sentence(reason))}</p>"
        )


def line(layer: LayerRank, measured: Mapping[str, Any] | None) -> dict[str, Any]:
    """One line of the table."""
    mark = marks.of(layer)
    entry = {name: getattr(layer, name, None) for name in COLUMNS if name not in ("layer", "what", "mark")}
    entry |= {
        "layer": layer.name,
        "what": marks.arrows(layer.description),
        "mark": f"{layer.deficiency} open" if mark.tone == "short" else mark.sign,
        "route": ROUTES.get(layer.route, layer.route),
        "kernel_rank": f"{layer.kernel_rank} / {layer.pixels}" if layer.kernel_rank is not None else "",
        "condition": _short(layer.condition),
    }
    if layer.route == "unsupported":
        entry |= {name: None for name in ("weight_constraints", "gradient_constraints", "rank", "deficiency", "index")}
    if measured:
        differs = measured.get("rank") != layer.rank and layer.route != "unsupported"
        entry["measured"] = f"{measured.get('rank')}" + (f" ≠ {layer.rank}" if differs else " ✓")
        entry["measured_condition"] = _short(measured.get("condition")) or "–"
    return entry


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"
