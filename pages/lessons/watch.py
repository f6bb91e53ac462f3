"""The run of a step: pictures, curves, and what was solved, without the lab's controls."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from gi_core.figures import captions
from gi_core.jobs.job import Job, Point
from gi_core.lessons.lesson import Step
from pages.lessons import labels, reading
from pages.lessons.reading import Place
from pages.shared import stage
from pages.shared.rank import question
from pages.shared.result import curves, live, measures, recursion, status, trials, twin, viewer
from pages.shared.result.source import StoredRun
from pages.shared.session import dispatcher, store

_STATE = "lessons.state"
_CURVE = 3
"""Points of a curve from which it shows anything."""


def draw(run: str, place: Place, step: Step) -> None:
    """Follows the run by itself while it goes on."""
    job = store().job(run)
    if job is None:
        return
    st.session_state[_STATE] = job.state
    st.fragment(_follow, run_every=live.PACE.get(job.state), key="lesson_live")(run, place, step)


def _follow(run: str, place: Place, step: Step) -> None:
    job = store().job(run)
    if job is None or job.state != st.session_state.get(_STATE):
        st.rerun(scope="app")
    if not job.over:
        dispatcher().ensure()
    with st.container(key="lesson_watch", gap="xsmall"):
        _body(StoredRun(store(), job), place, step)


def _body(source: StoredRun, place: Place, step: Step) -> None:
    job = source.job
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        status.buttons(job)
    if not job.over:
        status.line(job, store().place(job.id) if job.state == "queued" else 0)
    labels.draw(job, step)
    measures.draw_sentence(job, True)
    viewer.draw(
        source,
        source.curve(),
        trials.best(job),
        truth=True,
        live=not job.over,
        autoplay=job.over,
        key=f"viewer_{job.id}",
    )
    measures.draw_known(job, True)
    twin.draw(job, source)
    if recursion.layers(job):
        recursion.draw(job, question.of(job) if recursion.walks(job) else None, key="lesson_strip")
    _curves(job, place, step)


def _curves(job: Job, place: Place, step: Step) -> None:
    """The curves of every value that was played, over each other: of several one line each, in the same colour in both charts."""
    played = {**reading.runs(place, step), place.value: job}
    points = {step.label(value) or "this run": store().curve(one.id) for value, one in sorted(played.items())}
    points = {name: curve for name, curve in points.items() if len(curve) >= _CURVE}
    if not points:
        return
    if len(points) > 1:
        points = {name: [_plain(point) for point in curve] for name, curve in points.items()}
    large, caption = stage.presenting(), captions.of_run(job.spec, job.run_result)
    with st.container(key="charts", horizontal=True, gap="medium"):
        with st.container(width="stretch", gap="xsmall"):
            curves.losses(points, True, "lesson_loss", caption, large=large)
        with st.container(width="stretch", gap="xsmall"):
            curves.likeness(points, "lesson_likeness", caption, large=large)


def _plain(point: Point) -> Point:
    """Its total loss and its PSNR alone."""
    return replace(point, losses={name: value for name, value in point.losses.items() if name == "total"}, ssim=None)
