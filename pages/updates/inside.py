"""What is in the files: a few figures with their meaning, and how much each layer changed."""

from __future__ import annotations

import streamlit as st

from gi_core.figures import drawing
from gi_core.types.inspection import Inspection
from pages.shared import telling, words
from pages.shared.result import charts
from pages.updates import names

_FROM = {"file": "in a file of their own", "change": "worked out: checkpoint + update"}


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


def _chart(found: Inspection) -> None:
    """A bar for each layer, in powers of ten."""
    drawn = drawing("norms", found["layers"])
    if drawn is None:
        return
    known = any(layer["relative"] is not None for layer in found["layers"] if not layer["buffer"])
    aside = "length of its change, first layer on the left"
    charts.heading("How much each layer changed", aside + "; in brackets, in per cent of its weights" * known)
    charts.draw(drawn.under(f"Recorded update of {found['parameters']:,} parameters."), "updates_norms")
