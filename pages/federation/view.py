"""The federation page: the question on the left, what came of it on the right, live."""

from __future__ import annotations

import streamlit as st

from gi_core.figures import captions
from gi_core.jobs.job import Job
from gi_core.types.exposure import exposures
from pages.federation import asking, charts, gallery, question
from pages.federation.reading import Found, found_of, sentence
from pages.shared import address, head, taking, telling, words
from pages.shared.session import dispatcher, store
from pages.shared.taking import Asked

SIGNS = {"exposed": "●", "partly": "◐", "protected": "○"}
_MEANWHILE = (
    '<ol class="gi-meanwhile"><li><b>What happens:</b> in each round every client trains the global network on its own'
    " pictures and sends how the weights changed; the server averages the changes, weighted by pictures.</li>"
    "<li><b>What the server tries:</b> it takes one client's change and looks for pictures that would have caused it.</li>"
    "<li><b>What you will see:</b> the network gets better, and which clients pay for it: their pictures beside what came"
    " back. A client with one picture has nobody to hide behind.</li></ol>"
)


def draw() -> None:
    """The form and the answer refresh apart."""
    with st.container(key="lab"):
        with st.container(key="head", gap="xsmall"):
            head.title(
                "Who pays when many train together?",
                "Simulates a federation over rounds: clients train on their own pictures, the server averages what"
                " they send, and tries to read single clients back.",
            )
            asking.draw_examples()
            head.word()
        with st.container(key="form", gap="small"):
            asking.draw()
        with st.container(key="stage", gap="small"):
            waiting = _waiting()
            st.fragment(_stage, run_every=0.8 if waiting else None, key="federation_stage")(waiting)


def _waiting() -> bool:
    job = question.shown()
    return job is not None and not job.over


def _stage(timed: bool) -> None:
    if timed:
        dispatcher().ensure()
    if _waiting() != timed:
        st.rerun(scope="app")
    job = question.shown()
    if job is None:
        st.html(_MEANWHILE)
        return
    found = found_of(job)
    if not job.over:
        _progress(job, found)
    elif job.state == "failed":
        telling.problem(job.error or "no reason was given")
    _answer(job, found)


def _progress(job: Job, found: Found) -> None:
    if job.state == "queued":
        ahead = store().place(job.id)
        stage = "next in line" if ahead == 0 else f"{ahead} before it in the queue"
    else:
        stage = str(job.progress.get("stage") or "waiting for the worker")
    share = min(1.0, float(job.progress.get("fraction") or 0.0))
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="federation_progress"):
        st.progress(share, text=words.plain(stage[:1].upper() + stage[1:]))
        st.button(
            "Cancel", key=f"federation_cancel.{job.id}", icon=":material/stop:", on_click=address.control, args=(job.id, "cancel"),
            disabled=job.asked == "cancel",
        )  # fmt: skip
    if not found.rounds:
        st.html(_MEANWHILE)


def _answer(job: Job, found: Found) -> None:
    """Words, charts and pictures of the rounds that are there."""
    if not found.rounds:
        if job.state == "cancelled":
            st.html(
                '<p class="gi-about">Cancelled before a round was done: press Run the federation to start again.</p>'
            )
        return
    asked = question.federation_of(job)
    if asked is not None and asked != question.current():
        st.html(
            '<p class="gi-about" role="status">Shown: the last federation. The form asks for something else by now.</p>'
        )
    level, head, text = sentence(found)
    head = head if job.over else f"So far: {head[:1].lower()}{head[1:]}"
    st.html(
        f'<div class="gi-answer gi-{level}" role="status"><i aria-hidden="true">{SIGNS[level]}</i><div>'
        f"<h2>{words.escape(head)}</h2><p>{words.escape(text)} {words.MEANING}</p></div></div>"
    )
    taking.button(Asked((job.id,)), "federation")
    for notice in found.values.get("notices") or ():
        telling.note(notice)
    total = asked.rounds if asked is not None else found.rounds[-1]["round"]
    attacked, caption = bool(found.leaks()), captions.of_federation(asked)
    with st.grid(2 if attacked else 1, min_column_width=320, gap="medium", key="federation_charts"):
        with st.container(gap="xsmall"):
            charts.accuracy(found, total, caption)
        if attacked:
            with st.container(gap="xsmall"):
                charts.leakage(found, total, caption)
    if exposures(found.rounds):
        with st.container(gap="xsmall", key="federation_rounds"):
            charts.exposure(found, total, caption)
    if attacked:
        _explain(found)
        gallery.draw(job, found)


def _explain(found: Found) -> None:
    if found.measure != "RDLV":
        return
    st.html(
        '<p class="gi-about">RDLV compares the likeness (SSIM) of a picture that came back with that of the server\'s guess,'
        " the mean picture of all other clients. The band is the 95 % confidence interval of the mean over a client's"
        " pictures. Where the guess is hardly alike, RDLV is large for little: look at the pictures too.</p>"
    )
