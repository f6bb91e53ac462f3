"""What is in the files: a few figures with their meaning, and how much each layer changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from gi_core.types.inspection import FileLayer, Inspection
from pages.shared import telling, words
from pages.shared.result import charts
from pages.shared.result.curves import COLOURS
from pages.updates import names

_FROM = {"file": "in a file of their own", "change": "worked out: checkpoint + update"}
MOST_NAMES, DECADES, FLAT = 24, 5, 0.03
"""Names under the bars; powers of ten below the largest; the height of a bar below them."""


def draw(found: Inspection) -> None:
    """found: the answer of an `inspect` job."""
    charts.heading("What is in the files", "nothing was attacked for this")
    cards = "".join(
        f'<div class="gi-card"><span>{words.escape(title)}</span><b>{words.escape(value)}</b><small>{words.escape(text)}</small></div>'
        for title, value, text in figures(found)
    )
    st.html(f'<div class="gi-cards gi-inside">{cards}</div>')
    for notice in found["notices"]:
        telling.note(names.said(notice))
    _chart(found)


def figures(found: Inspection) -> list[tuple[str, str, str]]:
    """(title, value, what it means)."""
    own = [layer for layer in found["layers"] if not layer["buffer"]]
    deep = sum(len(layer["shape"]) > 1 for layer in own)
    statistics, steps, classes = found["statistics"], found["steps"], found["classes"]
    scheme = found["scheme"]
    return [
        ("Layers", str(deep), f"Convolutions and dense layers, in {len(own)} arrays."),
        ("Parameters", _many(found["parameters"]), "Each of these numbers depends on the private pictures."),
        ("Size of the update", f"{found['norm']:.2g}" if found["norm"] is not None else "not finite", "Length (L2) of everything the client changed."),
        (
            "Batch norm statistics", "shared" if statistics["present"] else "none",
            f"Mean and spread of the pictures inside the network, {_FROM[statistics['from']]}." if statistics["present"]
            else "The network has none, or they were kept back.",
        ),
        ("Steps of training", str(steps) if steps else "unknown", "By batch norm's counter." if steps else "No counter in the file says it."),
        ("Pictures", {1: "grey", 3: "in colour"}.get(found["channels"] or 0, "unknown"), "What the first convolution takes."),
        ("Classes", str(classes) if classes else "unknown", "Outputs of the last layer."),
        ("Contents", _contents(found), "Weight changes and gradients are distinguished from whole weights by the checkpoint."),
        ("Names", _short(scheme) if scheme else "not matched", "How the arrays' names belong to the network."),
    ]  # fmt: skip


def _contents(found: Inspection) -> str:
    if "whole" not in found:
        return "unknown"
    return "whole weights" if found["whole"] else "a change or gradient"


def _many(count: int) -> str:
    return f"{count / 1e6:.3g} million" if count >= 1e6 else f"{count:,}"


def _short(scheme: str) -> str:
    return {"the network's own names": "its own"}.get(scheme, scheme)


@dataclass(frozen=True)
class Bar:
    """A layer: the norm of its change, and that relative to its weights before, None where they are not known."""

    name: str
    norm: float
    relative: float | None


def by_layer(layers: Sequence[FileLayer]) -> list[Bar]:
    """Weight and bias of a layer as one: square roots of summed squares, of the change and of the weights before."""
    groups: dict[str, list[tuple[float, float | None]]] = {}
    for layer in layers:
        if not layer["buffer"] and layer["norm"] is not None:
            name = layer["name"].rpartition(".")[0] or layer["name"]
            groups.setdefault(name, []).append((layer["norm"], layer["relative"]))
    found = []
    for name, parts in groups.items():
        norm = math.hypot(*(norm for norm, _ in parts))
        before = math.hypot(*(norm / relative for norm, relative in parts if relative))
        found.append(Bar(name, norm, norm / before if before else None))
    return found


def _chart(found: Inspection) -> None:
    """A bar for each layer, in powers of ten."""
    bars = by_layer(found["layers"])
    most = max((bar.norm for bar in bars), default=0.0)
    if not most:
        return
    known = any(bar.relative is not None for bar in bars)
    aside = "length of its change, first layer on the left"
    charts.heading("How much each layer changed", aside + "; in brackets, in per cent of its weights" * known)
    top, least = math.ceil(math.log10(most)), math.floor(math.log10(most)) - DECADES
    heights = [[k, max(least + FLAT, math.log10(bar.norm or 10**least)), bar.norm] for k, bar in enumerate(bars)]
    series = {
        "type": "bar", "data": heights, "encode": {"x": 0, "y": 1, "tooltip": [2]}, "itemStyle": {"color": COLOURS[0]},
        "barCategoryGap": "20%",
    }  # fmt: skip
    labels = {"rotate": 35, "width": 100, "overflow": "truncate"} | ({"show": False} if len(bars) > MOST_NAMES else {})
    x = {"type": "category", "data": [_label(bar) for bar in bars], "axisLabel": labels}
    y = charts.along("change", min=least, max=top, startValue=least)
    charts.draw(
        [series], x, y, "updates_norms", "Change of each layer in the update", height=250,
        grid=charts.GRID | {"bottom": 6}, tooltip={"trigger": "axis", "confine": True, "valueFormatter": "%.3g"},
    )  # fmt: skip


def _label(bar: Bar) -> str:
    return bar.name + (f" ({100 * bar.relative:.2g} %)" if bar.relative is not None else "")
