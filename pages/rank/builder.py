"""Rows of layers: one line for each, what it gives, and whether its input comes back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.settings import MODELS
from gi_core.settings.custom import (
    MOST_LAYERS,
    AnyLayer,
    ConvLayer,
    CustomNet,
    DenseLayer,
    GlobalAverageLayer,
    PoolLayer,
    ResidualLayer,
)
from gi_core.settings.network_base import Model
from pages.rank import copying
from pages.shared import form, words
from pages.shared.experiment import fields, press
from pages.shared.rank import marks, question
from pages.shared.rank.marks import Mark

NAMES = {
    "conv": "Convolution", "dense": "Dense", "residual": "Residual", "max_pool": "Max pool",
    "average_pool": "Average pool", "global_average": "Global average",
}  # fmt: skip
NEW: dict[str, AnyLayer] = {
    "conv": ConvLayer(), "dense": DenseLayer(), "residual": ResidualLayer(), "max_pool": PoolLayer(),
    "average_pool": PoolLayer(kind="average_pool"), "global_average": GlobalAverageLayer(),
}  # fmt: skip
_COLUMNS = {
    "Channels": ("channels", "features"), "Kernel": ("kernel", "size"), "Stride": ("stride",), "Padding": ("padding",),
    "Activation": ("activation",), "Bias": ("bias",),
}  # fmt: skip
_ABOUT = {
    "Channels": "Channels of a convolution, outputs of a dense layer",
    "Kernel": "Side of the kernel, or of a pooling window",
    "Stride": "Pixels from one position to the next",
    "Padding": "Zeros around the picture",
    "Activation": "The non-linearity after the layer",
    "Bias": "Whether a constant is added",
}
_MORE = ("groups", "dilation", "batch_norm", "slope")
_PATH = ("model", "layers")


def draw(network: CustomNet, found: list[Mark], bad: int | None) -> None:
    """All rows and the outputs. bad: the row that does not fit."""
    head = "".join(f'<span title="{_ABOUT[name]}">{name}</span>' for name in _COLUMNS)
    with st.container(key="rows", gap=None):
        st.html(f'<div class="gi-rows-head"><span></span><span>Layer</span>{head}</div>')
        for k, row in enumerate(network.layers):
            _row(k, row, len(network.layers), marks.of_row(found, k, bad))
        _outputs(network, marks.last(found))


def bar(network: CustomNet) -> None:
    """What adds rows, or replaces all of them."""
    st.menu_button(
        "Add a layer", list(NEW), key=form.key("add_layer"), icon=":material/add:", format_func=NAMES.__getitem__,
        on_click=form.report, args=(form.key("add_layer"), _add, form.key("add_layer")), disabled=len(network.layers) >= MOST_LAYERS,
    )  # fmt: skip
    now = form.current()
    st.menu_button(
        "Start from", list(copying.starts(question.shape(now), question.classes(now))), key=form.key("start_from"),
        icon=":material/content_copy:", format_func=lambda kind: MODELS[kind].title,
        on_click=form.report, args=(form.key("start_from"), _start_from, form.key("start_from")), help="Copies a known network into rows.",
    )  # fmt: skip


def _row(k: int, row: AnyLayer, count: int, mark: Mark) -> None:
    known = type(row).model_fields
    with st.container(key=f"row_{k}", horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.html(mark.html())
        st.html(f"<b>{k + 1} {NAMES[row.kind]}</b><small>{words.escape(mark.shape)}</small>")
        for names in _COLUMNS.values():
            name = next((n for n in names if n in known), None)
            if name is None:
                st.html('<i class="gi-void"></i>')
            else:
                fields.widget(known[name], (*_PATH, k, name), getattr(row, name), row, explained=False)
        with st.popover("⋯", key=form.key(f"more_{k}"), help=f"More on layer {k + 1}: move, copy, remove"):
            fields.widgets(row, (*_PATH, k), [n for n in _MORE if n in known])
            with st.grid(2, min_column_width=120, gap="xsmall"):
                _button("Move up", "arrow_upward", k, "up", k == 0)
                _button("Move down", "arrow_downward", k, "down", k == count - 1)
                _button("Duplicate", "content_copy", k, "duplicate", count >= MOST_LAYERS)
                _button("Remove", "delete", k, "remove", False)


def _button(label: str, icon: str, k: int, action: str, off: bool) -> None:
    press.act(f"{action}_{k}", label, change, action, k, icon=f":material/{icon}:", width="stretch", disabled=off)


def _outputs(network: CustomNet, mark: Mark) -> None:
    """The last dense layer, which is always there."""
    known = CustomNet.model_fields
    with st.container(key="row_last", horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.html(mark.html())
        st.html(f"<b>Outputs</b><small>{words.escape(mark.shape)}</small>")
        fields.widget(known["logits"], ("model", "logits"), network.logits, network, explained=False)
        fields.widget(known["bias"], ("model", "bias"), network.bias, network, explained=False)


def change(action: str, k: int) -> None:
    """Move a row up or down, duplicate or remove it."""
    rows = _rows()
    if action == "remove":
        del rows[k]
    elif action == "duplicate":
        rows.insert(k + 1, dict(rows[k]))
    else:
        to = k + (1 if action == "down" else -1)
        rows[k], rows[to] = rows[to], rows[k]
    _put(rows)


def _add(key: str) -> None:
    kind = st.session_state[key]
    if kind:
        _put([*_rows(), NEW[kind].model_dump(mode="json")])


def _rows() -> list[dict[str, Any]]:
    """The rows of the form, whose network is a drawn one on this page."""
    model = form.current().model
    assert isinstance(model, CustomNet)
    return [row.model_dump(mode="json") for row in model.layers]


def _put(rows: list[dict[str, Any]]) -> None:
    form.change(_PATH, rows)
    form.replace(form.current())


def _start_from(key: str) -> None:
    kind = st.session_state[key]
    if kind:
        copy(MODELS[kind]())


def copy(model: Model) -> None:
    """Another network as rows in the form."""
    now = form.current()
    found = copying.rows(model, question.shape(now), question.classes(now))
    if found is not None:
        form.change(("model",), found.model_dump(mode="json"))
        form.replace(form.current())
