"""Step 2: which network the files are of, and whether they fit it."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.settings.custom import CustomNet
from gi_core.settings.networks import LeNet
from gi_core.settings.parse import read_network
from gi_core.types.inspection import read
from pages.shared import form, telling, words
from pages.shared.experiment import fields, offered
from pages.shared.rank import summary
from pages.updates import names, part, question

_DRAWN_ANEW = ("kind", "init", "seed", "layers")
"""Not asked: the checkpoint has the weights. A LeNet's layers are a number, those of a drawn network are drawn."""
_TAKEN = "updates.network"


def draw(job: Job | None) -> None:
    """Which network it is, and whether the files fit it."""
    now = form.current()
    key, options = form.key("model", now.model.kind), offered.kinds(now.model)
    st.selectbox(
        "Network", options, options.index(now.model.kind), key=key, format_func=offered.title,
        label_visibility="collapsed", on_change=form.report, args=(key, _choose, key),
    )  # fmt: skip
    if offered.own(now.model):
        return
    st.html(f'<p class="gi-about">{words.escape(now.model.description)}</p>')
    shown = [
        name
        for name in type(now.model).model_fields
        if name not in _DRAWN_ANEW or (name == "layers" and isinstance(now.model, LeNet))
    ]
    fields.widgets(now.model, ("model",), shown)
    if isinstance(now.model, CustomNet):
        summary.draw(now)
        _drawn()
    _fit(job)


def _drawn() -> None:
    """The layers of a drawn network, as the rank page saves them."""
    file = st.file_uploader("Its layers (network.json)", ["json"], key="updates_network", max_upload_size=1)
    if file is None or st.session_state.get(_TAKEN) == file.file_id:
        return
    st.session_state[_TAKEN] = file.file_id
    try:
        network = read_network(file.getvalue())
    except SpecError as error:
        form.refuse(str(error))
    else:
        form.change(("model",), {**network.model_dump(mode="json"), "classes": form.current().model.classes})
    st.rerun(scope="app")


def _choose(key: str) -> None:
    form.choose(
        "model", st.session_state[key], {"kind": st.session_state[key], "classes": form.current().model.classes}
    )


def _fit(job: Job | None) -> None:
    """One sentence on whether names and shapes agree."""
    if job is None or job.state != "done" or "checkpoint" not in question.files():
        return
    found = read(job.result)
    if found and found["problem"]:
        said, lacks, _ = found["problem"].partition(part.LACKING)
        telling.problem(names.said(said))
        if lacks:
            st.button("What is missing was not sent", key="updates_lacking", on_click=part.lacking)
    elif found and found["checkpoint_scheme"]:
        st.html(
            f'<p class="gi-fits" role="status">✓ The files fit. Names: {words.escape(found["checkpoint_scheme"])}.</p>'
        )
        _table(found.get("table", []))


def _table(pairs: list[list[str]]) -> None:
    """What was matched to what, where the names are others than the network's own."""
    if not pairs:
        return
    with st.expander(f"{len(pairs)} tensors matched: see which to which", type="compact", key="fold.table"):
        rows = "".join(f"<tr><td>{words.escape(own)}</td><td>{words.escape(old)}</td></tr>" for own, old in pairs)
        st.html(
            f'<div class="gi-scroll"><table class="gi-pairs"><tr><th>network</th><th>file</th></tr>{rows}</table></div>'
        )
