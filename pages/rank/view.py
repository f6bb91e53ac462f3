"""The rank page: a network on the left, what its gradient gives away on the right."""

from __future__ import annotations

import streamlit as st

from gi_core.analysis.rank import RankReport
from gi_core.jobs.job import Job
from gi_core.settings import SpecError, build
from pages.rank import attention, chart, examples, measuring, network, rounds, running, verdict
from pages.shared import address, form, head, link, taking, telling
from pages.shared.experiment import fields, samples, steps
from pages.shared.rank import question
from pages.shared.rank.question import Fault
from pages.shared.result import measures, outcomes, recursion, status
from pages.shared.result.source import StoredRun
from pages.shared.session import dispatcher, store
from pages.shared.taking import Asked

_PACE = {"queued": 0.3, "running": 0.4, "pausing": 0.5, "paused": 2.0}
_GOOD = "rank.good"


@st.fragment
def draw() -> None:
    """All of it; every change counts anew."""
    report, fault = _count()
    with st.container(key="lab"):
        with st.container(key="head", gap="xsmall"):
            head.title(
                "Does this network give the picture away?",
                "A gradient is a set of equations for the picture. Count them layer by layer: where there are enough,"
                " the picture can be computed, without any guessing.",
            )
            examples.draw()
            head.word()
        with st.container(key="form", gap="small"):
            _form(report, fault)
        with st.container(key="stage", gap="small"):
            job, same = _asked(address.get("run"))
            verdict.draw(report, fault)
            if fault is None:
                taking.button(Asked(rank={**report.to_json(), "rounds": rounds.found()}), "rank")
            if not same:
                chart.draw(report)
            _recursion(report, job, same)
            if same:
                chart.draw(report)
            attention.draw(report)
            measuring.draw(report)
            if fault is None:
                rounds.draw()
    address.sync()


def _count() -> tuple[RankReport, Fault | None]:
    """The report, of the last good network where this one does not fit."""
    now = form.current()
    fault = question.fault(now)
    if fault is None:
        st.session_state[_GOOD] = now
    good = st.session_state.get(_GOOD) or question.FIRST
    return question.report(good), fault


def _form(report: RankReport, fault: Fault | None) -> None:
    with st.container(key="steps", gap="small"):
        steps.heading(1, "The network", "known, or drawn by you")
        with st.container(key="rank_network", gap="xsmall"):
            network.draw(None if fault else report, fault)
        steps.heading(2, "The picture", "size counts, content does not")
        with st.container(key="rank_picture", gap="xsmall"):
            fields.widgets(form.current(), (), ["size", "channels"])
            samples.draw(geometry=False)
    running.draw(report, fault)


def _asked(run: str | None) -> tuple[Job | None, bool]:
    """(the run of the address, whether it is about what the form shows)."""
    job = store().job(run) if run else None
    if job is None:
        return None, False
    try:
        asked = build(job.spec)
    except SpecError:
        return job, False
    now = form.current()
    same = (asked.model, asked.samples, question.shape(asked)) == (now.model, now.samples, question.shape(now))
    return job, same


def _recursion(report: RankReport, job: Job | None, same: bool) -> None:
    """The recursion as the run found it, or predicted where what is shown has not been run."""
    st.html(
        '<h4 class="gi-sub">The recursion <small>from the loss back to the picture, one layer at a time</small></h4>'
    )
    if job is None or not same:
        recursion.draw(None, report, key="rank_strip")
        if job is not None:
            link.to_lab("The last run, of another network or picture", run=job.id)
        return
    st.session_state["rank.state"] = job.state
    st.fragment(_live, run_every=_PACE.get(job.state), key="rank_live")(job.id)


def _live(run: str) -> None:
    job = store().job(run)
    if job is None or job.state != st.session_state.get("rank.state"):
        st.rerun(scope="app")
    if not job.over:
        dispatcher().ensure()
    source = StoredRun(store(), job)
    with st.container(key="rank_run", gap="xsmall"):
        status.line(job, store().place(job.id) if job.state == "queued" else 0)
        figures = outcomes.figures(job, source, True)
        recursion.draw(
            job, question.of(job), pictures=figures, says=telling.sentence(measures.sentence(job, True)),
            key="rank_strip",
        )  # fmt: skip
        if not figures:
            measures.draw_sentence(job, True)
        outcomes.mixture(job, source)
        link.to_lab("This run in the lab", run=job.id)
