"""The influence page: pictures and network on the left, what would leak of them on the right."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment
from gi_core.types.influence import read
from pages.influence import asking, checking, classes, comparing, noise, ranking, seeing, spectrum
from pages.influence.reading import SIGNS, Reading, readings, sentence
from pages.shared import address, form, head, taking, telling, words
from pages.shared.influence import question
from pages.shared.result import charts
from pages.shared.session import dispatcher, store
from pages.shared.taking import Asked

_LOOKED, _LAST = "influence.looked", "influence.last"


def draw() -> None:
    """The form and the answer refresh apart."""
    _first()
    with st.container(key="lab"):
        with st.container(key="head", gap="xsmall"):
            head.title(
                "How much would leak?",
                "Predicts how closely a server could copy each picture from its update, and how much noise would"
                " prevent it, without attacking.",
            )
            asking.draw_examples()
            head.word()
        with st.container(key="form", gap="small"):
            asking.draw()
        with st.container(key="stage", gap="small"):
            waiting = _waiting()
            st.fragment(_stage, run_every=0.7 if waiting else None, key="influence_stage")(waiting)


def _first() -> None:
    """A newcomer's first view is worked out unasked: it is short, and kept."""
    now = question.bare(form.current())
    if now == question.bare(form.start()) and question.find(now) is None:
        asking.ask(now)


def _shown() -> Job | None:
    return store().job(st.session_state.get(asking.SHOWN, ""))


def _waiting() -> bool:
    job = _shown()
    if job is None:
        return False
    if not job.over:
        return True
    asked, one = question.experiment_of(job), _looked(job)
    busy = checking.waiting()
    return busy or (asked is not None and one is not None and comparing.waiting(asked, one.ref))


def _looked(job: Job) -> Reading | None:
    """The picture looked at: as chosen, else the first."""
    found = readings(read(job.result))
    wanted = st.session_state.get(_LOOKED)
    return next((one for one in found if one.ref == wanted), found[0] if found else None)


def _look(ref: str) -> None:
    st.session_state[_LOOKED] = ref


def _stage(timed: bool) -> None:
    if timed:
        dispatcher().ensure()
    if _waiting() != timed:
        st.rerun(scope="app")
    job = _shown()
    if job is None:
        st.html('<p class="gi-about">Choose pictures and a network, then press Predict what leaks.</p>')
        return
    if not job.over:
        _progress(job)
        job = store().job(st.session_state.get(_LAST, ""))
        if job is None:
            return
    asked = question.experiment_of(job)
    if job.state != "done" or asked is None:
        said = job.error or "this question was cancelled: press Predict what leaks to ask it again"
        telling.problem(said)
        return
    st.session_state[_LAST] = job.id
    _answer(job, asked)


def _progress(job: Job) -> None:
    stage = str(job.progress.get("stage") or "waiting for the worker")
    share = float(job.progress.get("fraction") or 0.0)
    st.html('<h2 class="gi-question">Working out what the gradients show…</h2>')
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="influence_progress"):
        st.progress(min(1.0, share), text=words.plain(stage))
        st.button(
            "Cancel",
            key=f"influence_cancel.{job.id}",
            icon=":material/stop:",
            on_click=address.control,
            args=(job.id, "cancel"),
        )
    if _LAST not in st.session_state:
        st.html(_MEANWHILE)


_MEANWHILE = (
    '<ol class="gi-meanwhile"><li><b>What is worked out:</b> for each picture, how strongly the gradient answers to every'
    " change of it.</li><li><b>What follows:</b> strong answers survive noise, faint ones drown in it. From that comes how far"
    " off a copy would be, at any noise level, without running an attack.</li><li><b>What you can do then:</b> move the"
    " noise and watch the pictures fade, see which of them is most exposed, and let the real attack check the prediction."
    "</li></ol>"
)


def _answer(job: Job, asked: Experiment) -> None:
    """Everything that there is to see of one answer, at the noise of the slider."""
    found = readings(read(job.result))
    good = [one for one in found if not one.error]
    one = _looked(job)
    if one is None:
        return
    if asked != question.bare(form.current()):
        st.html(
            '<p class="gi-about" role="status">Shown: the last answer. The form asks for something else by now.</p>'
        )
    level, head, text = sentence(found, noise.now())
    st.html(
        f'<div class="gi-answer gi-{level}" role="status"><i aria-hidden="true">{SIGNS[level]}</i><div><h2>{words.escape(head)}</h2>'
        f"<p>{words.escape(text)}</p></div></div>"
    )  # fmt: skip
    taking.button(Asked((job.id,)), "influence")
    answer = read(job.result)
    for notice in answer.get("notices", []) if answer else ():
        telling.note(notice)
    if good:
        noise.draw(one if not one.error else good[0], good)
    sigma = noise.now()
    with st.grid(2, min_column_width=320, gap="medium", key="influence_main"):
        with st.container(gap="xsmall"):
            charts.heading("Most exposed first", "original, and simulated at this noise; the line is how far off it is")
            ranking.draw(job, found, sigma, one.ref, _look)
            st.html(
                '<p class="gi-about">The bar shows how far off each pixel would be without a picture prior, from 0.0001 to 1. The'
                " stroke shows the same with a prior, and the dotted line shows a guess of plain grey.</p>"
            )
        with st.container(gap="xsmall"):
            seeing.draw(job, one, sigma)
    spectrum.draw(job, one, answer.get("parameters") if answer else None, sigma)
    if not one.error:
        comparing.draw(asked, one, sigma)
    with st.grid(2 if classes.comparable(found) else 1, min_column_width=320, gap="medium", key="influence_last"):
        if classes.comparable(found):
            with st.container(gap="xsmall"):
                classes.draw(found, sigma)
        with st.container(gap="xsmall"):
            checking.draw(asked, one, sigma)
