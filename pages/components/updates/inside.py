"""What is in the files: a few figures with their meaning, and how much each layer changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components import launch, words
from pages.components.curves import COLOURS
from pages.components.influence import charts
from pages.components.updates import names

_FROM = {"file": "in a file of their own", "change": "worked out: checkpoint + update"}
MOST_NAMES = 16


def draw(found: Mapping[str, Any]) -> None:
    """found: the answer of an `inspect` job."""
    charts.heading("What is in the files", "nothing was attacked for this")
    cards = "".join(
        f'<div class="gi-card"><span>{words.escape(title)}</span><b>{words.escape(value)}</b><small>{words.escape(text)}</small></div>'
        for title, value, text in figures(found)
    )
    st.html(f'<div class="gi-cards gi-inside">{cards}</div>')
    for notice in found.get("notices") or ():
        st.html(f'<p class="gi-about">{words.escape(launch.sentence(names.said(notice)))}</p>')
    _chart(found)


def figures(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(title, value, what it means)."""
    own = [layer for layer in found["layers"] if not layer["buffer"]]
    deep = sum(len(layer["shape"]) > 1 for layer in own)
    statistics, steps, classes = found["statistics"], found.get("steps"), found.get("classes")
    scheme = found.get("scheme")
    return [
        ("Layers", str(deep), f"Convolutions and dense layers, in {len(own)} arrays."),
        ("Parameters", _many(found["parameters"]), "Each of these numbers depends on the private pictures."),
        ("Size of the update", f"{found['norm']:.2g}" if found.get("norm") is not None else "not finite", "Length (L2) of everything the client changed."),
        (
            "Batch norm statistics", "shared" if statistics["present"] else "none",
            f"Mean and spread of the pictures inside the network, {_FROM[statistics['from']]}." if statistics["present"]
            else "The network has none, or they were kept back.",
        ),
        ("Steps of training", str(steps) if steps else "unknown", "By batch norm's counter." if steps else "No counter in the file says it."),
        ("Classes", str(classes) if classes else "unknown", "Outputs of the last layer."),
        ("Names", _short(scheme) if scheme else "not matched", "How the arrays' names belong to the network."),
    ]  # fmt: skip


def _many(count: int) -> str:
    return f"{count / 1e6:.3g} million" if count >= 1e6 else f"{count:,}"


def _short(scheme: str) -> str:
    return {"the network's own names": "its own"}.get(scheme, scheme)


def _chart(found: Mapping[str, Any]) -> None:
    """Norm of each array's change; relative to the weights before where the checkpoint is there."""
    own = [layer for layer in found["layers"] if not layer["buffer"]]
    known = all(layer.get("relative") is not None for layer in own if layer["name"].endswith("weight"))
    own = [layer for layer in own if layer["norm"]]
    if not own:
        return
    value = "relative" if known else "norm"
    charts.heading(
        "How much each layer changed",
        "relative to its weights before the round; 1e-2 is one per cent" if known else "norm of the change",
    )
    bars = [[k, charts.power(layer[value] or 0.0), layer[value]] for k, layer in enumerate(own)]
    heights = [height for _, height, _ in bars if height is not None]
    least = float(min(heights, default=0.0) // 1)
    series = {
        "type": "bar", "data": bars, "encode": {"x": 0, "y": 1, "tooltip": [2]}, "itemStyle": {"color": COLOURS[0]},
        "barCategoryGap": "20%",
    }  # fmt: skip
    labels = {"rotate": 35, "width": 90, "overflow": "truncate"} | ({"show": False} if len(own) > MOST_NAMES else {})
    x = {"type": "category", "data": [layer["name"] for layer in own], "axisLabel": labels}
    y = charts.along("change", min=least, startValue=least)
    charts.draw(
        [series], x, y, "updates_norms", "Change of each layer in the update", height=250,
        grid=charts.GRID | {"bottom": 6}, tooltip={"trigger": "axis", "confine": True, "valueFormatter": "%.3g"},
    )  # fmt: skip
