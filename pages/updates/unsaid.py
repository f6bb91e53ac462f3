"""Step 3: the few things that the files do not say, each with a default and a sentence of help."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.data.normalisation import TABLE
from gi_core.jobs.job import Job
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.client import FedAvg
from gi_core.settings.documents import whole_number
from gi_core.types.inspection import read
from pages.shared import form
from pages.shared.experiment import client_fields, fields
from pages.updates import part, question

_SENT = {"fedavg": "Weight change", "fedsgd": "Gradient"}


def draw(job: Job | None) -> None:
    """Pictures, training, and what was sent."""
    now = form.current()
    with st.grid(2, min_column_width=130, gap="small", vertical_alignment="bottom"):
        typed, colour = str(now.size or 32), now.channels or 3
        key = form.key("size", typed)
        st.text_input(
            "Picture size", typed, key=key, max_chars=12, on_change=form.report, args=(key, _set, ("size",), key),
            help="Side of the client's pictures in pixels, or height x width such as 64x96. A network that flattens"
            " the picture before its last layer shows the size, roughly; one that averages does not.",
        )  # fmt: skip
        key = form.key("channels", colour)
        st.selectbox(
            "Colour", [3, 1], [3, 1].index(colour), key=key, format_func={3: "colour", 1: "grey"}.__getitem__,
            help="What the first layer takes. A grey X-ray shown to a colour network counts as colour.",
            on_change=form.report, args=(key, _set, ("channels",), key),
        )  # fmt: skip
        key = form.key("images", len(now.samples))
        st.number_input(
            "Pictures", 1, MAX_BATCH, len(now.samples), key=key, on_change=form.report, args=(key, _images, key),
            help="How many pictures the client trained on in this round. One is the easiest to read.",
        )  # fmt: skip
        if isinstance(now.client, FedAvg):
            _number(
                "Learning rate", ("client", "learning_rate"), now.client.learning_rate, 1e-6, 10.0,
                "Step size of the client's training. It scales the whole update: attacks that compare directions hardly mind a wrong one.",
                format="%g", step=0.01,
            )  # fmt: skip
        _normalise()
    key = form.key("sent", now.client.kind)
    st.segmented_control(
        "What was sent", list(_SENT), default=now.client.kind, required=True, key=key, format_func=_SENT.__getitem__,
        on_change=form.report, args=(key, _sent, key), help="Weights after the round minus weights before it, or one gradient.",
    )  # fmt: skip
    seen = read(job.result) if job is not None else None
    steps = seen["steps"] if seen else None
    if steps:
        st.html(
            f'<p class="gi-about">Batch norm counted <b>{steps} step{"s" * (steps > 1)}</b> of training in this round.</p>'
        )
    with st.expander("More about the client's training", type="compact", key="fold.client"):
        _labels()
        training = ["epochs", "batch_size", "steps", "shuffle", "schedule_known", *client_fields.stepping(now.client)]
        losing = client_fields.losing(now.client, now.model.one_logit)
        fields.widgets(
            now.client,
            ("client",),
            (training if isinstance(now.client, FedAvg) else []) + ["batch_norm", "statistics", *losing],
        )
    part.draw()


def _normalise() -> None:
    now = form.current().normalise
    key = form.key("normalise", now)
    options = ["none", *TABLE, *({now} - {"none", *TABLE})]
    st.selectbox(
        "Normalisation", options, options.index(now), key=key, on_change=form.report, args=(key, _set, ("normalise",), key),
        format_func=lambda k: "none: 0 to 1" if k == "none" else k.replace("_", " "), accept_new_options=True,
        help="What the client did to pixel values before the network saw them: often ImageNet's where training started from"
        " it. Numbers can be typed: 0.5/0.5, or m1,m2,m3/s1,s2,s3.",
    )  # fmt: skip


def _number(label: str, path: tuple[str, ...], value: Any, low: Any, high: Any, help: str, **more: Any) -> None:
    kind = form.kind_at(path[:-1])
    key = form.key(".".join(path), value)
    st.number_input(
        label, low, high, value, key=key, help=help, on_change=form.report, args=(key, _set, path, key, kind), **more
    )


def _set(path: tuple[str, ...], key: str, kind: str | None = "") -> None:
    if form.kind_at(path[:-1]) == kind:
        form.change(path, st.session_state[key], seen=True)


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
    """What the pictures show, where the server knows it."""
    typed = ", ".join(map(str, form.current().labels or ()))
    key = form.key("labels", typed)
    st.text_input(
        "Labels, if they are known", typed, key=key, max_chars=400, on_change=form.report, args=(key, _set_labels, key),
        placeholder="read from the update", help="Class numbers from 0 up, one for each picture. Most attacks read them from the update.",
    )  # fmt: skip


def _set_labels(key: str) -> None:
    parts = st.session_state[key].replace(",", " ").split()
    form.change(("labels",), [p if (n := whole_number(p)) is None else n for p in parts] or None)
