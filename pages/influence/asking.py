"""The form of the influence page: pictures, network, and one button."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.jobs import times
from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError, build
from pages.shared import address, fetching, form, head, telling, thumbnails, timing
from pages.shared.experiment import launch, press, samples, steps
from pages.shared.influence import question
from pages.shared.session import store

SHOWN = "influence.shown"
_MANY = 8
UNKNOWN = (0.3, question.SECONDS)
"""Seconds of one spectrum of a network that none was worked out for: it is estimated where it would take longer."""
_SAID = "influence.said"
_MODEL = {"kind": "lenet", "init": "uniform"}
EXAMPLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Eight faces", "A small network with DLG's weights. At equal noise the most exposed face comes back twice as closely as the least exposed one.", {"samples": question.FACES, "model": _MODEL}),
    ("Default weights", "The same faces. The framework's own weights show far less at equal noise.", {"samples": question.FACES, "model": {"kind": "lenet"}}),
    ("After training", "The network is trained first: what it is sure of hardly shows, a picture that it finds hard stands out.", {"samples": question.MIXED, "model": {"kind": "lenet", "activation": "gelu"}, "weights": {"kind": "trained", "epochs": 5}}),
    ("Photographs", "Four pictures in colour, all of different classes.", {"samples": [f"bundled/{n}" for n in ("astronaut", "chelsea", "coffee", "rocket")], "size": 16, "model": _MODEL}),
)  # fmt: skip


def draw_examples() -> None:
    """Draw a row of buttons that fill the form."""
    head.examples(EXAMPLES, lambda document: form.replace(build(document)))


@st.fragment
def draw() -> None:
    """Two steps and the button; an answer that is already there is shown at once."""
    steps.draw(
        (
            ("The pictures", "each is looked at alone", _pictures),
            ("The network", "what the client trains", steps.network),
        )
    )
    asked = question.bare(form.current())
    job = question.find(asked)
    with st.container(key="launch", gap="xsmall"):
        _launch(asked, job)
    address.sync()
    if job is not None and job.state not in ("failed", "cancelled") and st.session_state.get(SHOWN) != job.id:
        st.session_state[SHOWN] = job.id
        st.rerun(scope="app")


def _pictures() -> None:
    _sets()
    samples.draw(apart=True)


def _sets() -> None:
    """The first pictures of whatever is here, in one click."""
    options: dict[str, tuple[str, ...]] = {"8 faces": question.FACES}
    for info in samples.known():
        name = info.ref.rpartition(":")[0]
        if info.available and info.ref == f"{name}:0" and not name.startswith("bundled"):
            options[f"First {_MANY} of {info.group}"] = tuple(f"{name}:{k}" for k in range(_MANY))
    chosen = form.current().samples
    now = next((title for title, refs in options.items() if refs == chosen), None)
    key = form.key(f"set.{now}")
    st.pills(
        "Sets", list(options), default=now, key=key, label_visibility="collapsed", on_change=form.report,
        args=(key, _set, key, options),
    )  # fmt: skip


def _set(key: str, options: dict[str, tuple[str, ...]]) -> None:
    title = st.session_state[key]
    if title:
        now = form.current().model_dump(mode="json")
        form.replace(build({**now, "samples": options[title], "labels": None}))


def _launch(asked: Experiment, job: Job | None) -> None:
    """What stands in the way, and the button."""
    said = st.session_state.pop(_SAID, None)
    found = [form.complaint(), *(p.reason for p in launch.forbidden(asked)), said]
    if job is not None and job.state == "failed":
        found.append(job.error)
    sentences = [text for text in dict.fromkeys(found) if text]
    for text in sentences:
        telling.problem(text)
    fetching.offers(sentences, "influence")
    count = len(asked.samples)
    there = job is not None and job.state == "done"
    text = (
        "Worked out; the noise level needs no new question."
        if there
        else "Asking a worker…"
        if job is not None and not job.over
        else f"No attack is run: {'one spectrum' if count == 1 else f'{count} spectra'}, {_time(asked)}."
    )
    st.html(f'<p class="gi-estimate" role="status">{text}</p>')
    if press.button(
        "run_influence", "Predict what leaks", type="primary", width="stretch",
        disabled=there or (job is not None and not job.over),
    ):  # fmt: skip
        ask(asked)
        st.rerun(scope="app")
    if thumbnails.awaited():
        st.fragment(_pictures_come, run_every=0.8, key="influence_thumbnails")()


def _time(asked: Experiment) -> str:
    """Learned from pictures of the same network, else nothing but the bounds of one spectrum is known."""

    def alike(spec: dict[str, Any]) -> bool:
        other = spec.get("experiment") or {}
        return (other.get("model") or {}).get("kind") == asked.model.kind and other.get("size") == (
            asked.model_dump(mode="json")["size"]
        )

    def pictures(spec: dict[str, Any]) -> float:
        return float(len(spec["experiment"].get("samples") or ()))

    each = times.former(store(), "influence", alike, pictures) or times.Span(*UNKNOWN)
    return timing.said(each.times(len(asked.samples)))


def _pictures_come() -> None:
    if not thumbnails.awaited():
        st.rerun(scope="app")


def ask(asked: Experiment) -> None:
    """Have it answered; what is wrong is said under the form."""
    try:
        question.ask(asked)
    except SpecError as error:
        st.session_state[_SAID] = str(error)
