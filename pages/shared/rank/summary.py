"""A drawn network in a few lines, where it is not drawn: in the lab's form."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import Experiment
from gi_core.settings.custom import AnyLayer, CustomNet
from pages.shared import link, words

_SHOWN = 6


def line(row: AnyLayer) -> str:
    """`conv 12, 5×5, stride 2, padding 2, leaky relu`."""
    parts = [row.kind.replace("_", " ")]
    values = row.model_dump()
    wide = values.get("channels", values.get("features"))
    parts[0] += f" {wide}" if wide else ""
    side = values.get("kernel", values.get("size"))
    if side:
        parts.append(f"{side}×{side}")
    for name, usual in (("stride", 1), ("padding", 0), ("groups", 1), ("dilation", 1)):
        if values.get(name) not in (None, usual):
            parts.append(f"{name} {values[name]}")
    if values.get("batch_norm"):
        parts.append("batch norm")
    if values.get("activation", "none") != "none":
        parts.append(values["activation"].replace("_", " "))
    return ", ".join(parts)


def draw(experiment: Experiment) -> None:
    """The rows in short, and where they can be changed."""
    network = experiment.model
    if not isinstance(network, CustomNet):
        return
    items = "".join(f"<li>{words.escape(line(row))}</li>" for row in network.layers[:_SHOWN])
    more = len(network.layers) - _SHOWN
    items += f"<li>and {more} more</li>" if more > 0 else ""
    st.html(f'<ol class="gi-about gi-layers">{items}</ol>')
    st.page_link(
        "pages/rank/page.py", label="Change its layers", icon=":material/edit:",
        query_params={"experiment": link.encode(experiment)},
    )  # fmt: skip
