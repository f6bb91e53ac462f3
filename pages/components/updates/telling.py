"""Steps 2 and 3: the network, and the few things that the files do not say."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.runs.job import Job
from gi_core.spec import MODELS, SpecError
from gi_core.spec.experiment import MAX_BATCH, MAX_SIZE
from pages.components import fields, form, launch, words
from pages.components.rank import files as drawings
from pages.components.rank import summary
from pages.components.updates import names, question

_DRAWN_ANEW = ("kind", "init", "seed", "layers")
_TAKEN = "updates.network"
_SENT = {"fedavg": "Weight change", "fedsgd": "Gradient"}


def network(job: Job | None) -> None:
    """Which network it is, and whether the files fit it."""
    now = form.current()
    key = form.key("model")
    st.selectbox(
        "Network", list(MODELS), list(MODELS).index(now.model.kind), key=key, format_func=lambda k: MODELS[k].title,
        label_visibility="collapsed", on_change=_choose, args=(key,),
    )  # fmt: skip
    st.html(f'<p class="gi-about">{words.escape(now.model.description)}</p>')
    told = [
        name
        for name in type(now.model).model_fields
        if name not in _DRAWN_ANEW or (name == "layers" and now.model.kind == "lenet")
    ]
    fields.widgets(now.model, ("model",), told)
    if now.model.kind == "custom":
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
        network_ = drawings.read(file.getvalue())
    except SpecError as error:
        form.refuse(str(error))
    else:
        form.change(("model",), {**network_.model_dump(mode="json"), "classes": form.current().model.classes})
    st.rerun(scope="app")


def _choose(key: str) -> None:
    form.choose(
        "model", st.session_state[key], {"kind": st.session_state[key], "classes": form.current().model.classes}
    )


def _fit(job: Job | None) -> None:
    """One sentence on whether names and shapes agree."""
    if job is None or job.state != "done" or "checkpoint" not in question.files():
        return
    found = job.result or {}
    if found.get("problem"):
        st.html(f'<p class="gi-problem" role="alert">{words.escape(launch.sentence(names.said(found["problem"])))}</p>')
    elif found.get("checkpoint_scheme"):
        st.html(
            f'<p class="gi-fits" role="status">✓ The files fit. Names: {words.escape(found["checkpoint_scheme"])}.</p>'
        )


def unsaid(job: Job | None) -> None:
    """Each with a default and a sentence of help."""
    now = form.current()
    with st.grid(2, min_column_width=130, gap="small", vertical_alignment="bottom"):
        _number(
            "Picture size",
            ("size",),
            now.size or 32,
            4,
            MAX_SIZE,
            "Side of the client's pictures in pixels. A last layer on flattened pictures tells it, roughly; a network that averages does not.",
        )
        key = form.key("channels")
        st.selectbox(
            "Colour", [3, 1], [3, 1].index(now.channels or 3), key=key, format_func={3: "colour", 1: "grey"}.get,
            help="What the first layer takes. A grey X-ray shown to a colour network counts as colour.",
            on_change=_set, args=(("channels",), key),
        )  # fmt: skip
        key = form.key("images")
        st.number_input(
            "Pictures", 1, MAX_BATCH, len(now.samples), key=key, on_change=_images, args=(key,),
            help="How many pictures the client trained on in this round. One is the easiest to read.",
        )  # fmt: skip
        if now.client.kind == "fedavg":
            _number(
                "Learning rate",
                ("client", "learning_rate"),
                now.client.learning_rate,
                1e-6,
                10.0,
                "Step size of the client's training. It scales the whole update: attacks that compare directions hardly mind a wrong one.",
                format="%g",
                step=0.01,
            )
        fields.widget(type(now).model_fields["normalise"], ("normalise",), now.normalise, now)
    key = form.key("sent")
    st.segmented_control(
        "What was sent", list(_SENT), default=now.client.kind, required=True, key=key, format_func=_SENT.__getitem__,
        on_change=_sent, args=(key,), help="Weights after the round minus weights before it, or one gradient.",
    )  # fmt: skip
    steps = (job.result or {}).get("steps") if job is not None else None
    if steps:
        st.html(
            f'<p class="gi-about">Batch norm counted <b>{steps} step{"s" * (steps > 1)}</b> of training in this round.</p>'
        )
    with st.expander("More about the client's training", type="compact", key="fold.client"):
        _labels()
        names_ = ["epochs", "batch_size", "steps", "optimiser", "momentum", "shuffle", "schedule_known"]
        fields.widgets(
            now.client,
            ("client",),
            (names_ if now.client.kind == "fedavg" else []) + ["batch_norm", "statistics", "loss"],
        )


def _number(label: str, path: tuple[str, ...], value: Any, low: Any, high: Any, help: str, **more: Any) -> None:
    key = form.key(".".join(path))
    st.number_input(label, low, high, value, key=key, help=help, on_change=_set, args=(path, key), **more)


def _set(path: tuple[str, ...], key: str) -> None:
    form.change(path, st.session_state[key])


def _images(key: str) -> None:
    """The samples only count them."""
    count = int(st.session_state[key])
    form.change(("labels",), None)
    form.change(("samples",), [question.COUNTS] * count)
    if form.current().recorded is not None:
        form.change(("recorded", "images"), count)


def _sent(key: str) -> None:
    now, kind = form.current().client, st.session_state[key]
    form.choose("client", kind, {"kind": kind, "batch_norm": now.batch_norm, "statistics": now.statistics})


def _labels() -> None:
    """What the pictures show, where somebody told the server."""
    now, key = form.current(), form.key("labels")
    st.text_input(
        "Labels, if they are known", ", ".join(map(str, now.labels or ())), key=key, max_chars=400, on_change=_set_labels, args=(key,),
        placeholder="read from the update", help="Class numbers from 0 up, one for each picture. Most attacks read them from the update.",
    )  # fmt: skip


def _set_labels(key: str) -> None:
    parts = st.session_state[key].replace(",", " ").split()
    form.change(("labels",), [int(p) if p.isdigit() else p for p in parts] or None)
