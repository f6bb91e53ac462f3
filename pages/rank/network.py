"""The network of the rank page: a known one with its settings, or one that is drawn."""

from __future__ import annotations

import streamlit as st

from gi_core.analysis.rank import RankReport
from gi_core.settings.custom import CustomNet
from gi_core.settings.networks import Model
from pages.rank import builder, copying
from pages.shared import form, words
from pages.shared.experiment import fields, offered, press
from pages.shared.rank import files, marks, question
from pages.shared.rank.question import Fault

_KINDS = {"known": "A known network", "drawn": "Draw your own"}
_LAST = "rank.known"


def draw(report: RankReport | None, fault: Fault | None) -> None:
    """report: of the network as it stands, None while it does not fit."""
    model = form.current().model
    drawn = isinstance(model, CustomNet)
    now = "drawn" if drawn else "known"
    key = form.key("drawn", now)
    st.segmented_control(
        "Network", list(_KINDS), default=now, required=True, key=key, width="stretch", format_func=_KINDS.__getitem__,
        label_visibility="collapsed", on_change=form.report, args=(key, _switch, key),
    )  # fmt: skip
    if isinstance(model, CustomNet):
        found = [marks.of(layer) for layer in report.layers] if report is not None else []
        builder.draw(model, found, fault.row if fault else None)
    else:
        _known()
    with st.container(horizontal=True, gap="xsmall", key="network_bar"):
        if isinstance(model, CustomNet):
            builder.bar(model)
        else:
            _edit(model)
        files.draw()


def _known() -> None:
    """The zoo, without the drawn one."""
    model = form.current().model
    st.session_state[_LAST] = model.kind
    options = offered.kinds(model, "custom")
    key = form.key("known", model.kind)
    st.selectbox(
        "Known network", options, options.index(model.kind), key=key, format_func=offered.title,
        label_visibility="collapsed", on_change=form.report,
        args=(key, lambda: form.choose("model", st.session_state[key])),
    )  # fmt: skip
    if not offered.own(model):
        st.html(f'<p class="gi-about">{words.escape(model.description)}</p>')
        fields.settings(model, ("model",))


def _edit(model: Model) -> None:
    now = form.current()
    if copying.rows(model, question.shape(now), question.classes(now)) is not None:
        press.act(
            "rank_edit", "Change its layers", builder.copy, model, icon=":material/edit:",
            help="Copies this network into rows that you can change.",
        )  # fmt: skip


def _switch(key: str) -> None:
    """Switch to the last known network, or to the drawing as it was; the first drawing is a copy of what is shown."""
    if st.session_state[key] == "known":
        form.choose("model", st.session_state.get(_LAST, question.FIRST.model.kind))
        return
    now = form.current()
    copied = copying.rows(now.model, question.shape(now), question.classes(now))
    form.choose("model", "custom", copied.model_dump(mode="json") if copied is not None else None)
