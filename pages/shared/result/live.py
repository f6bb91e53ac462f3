"""The view of one run: one fragment that reads the store, by itself while the run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gi_core.figures import captions
from gi_core.jobs.job import Job, Point
from pages.shared import fetching, stage, taking, telling, words
from pages.shared.experiment import meter
from pages.shared.rank import question
from pages.shared.result import (
    actions,
    arrival,
    controls,
    curves,
    hiding,
    label_table,
    legible,
    measures,
    named,
    outcomes,
    recursion,
    status,
    timeline,
    trials,
    twin,
    viewer,
)
from pages.shared.result.source import Source, StoredRun
from pages.shared.session import dispatcher, store
from pages.shared.taking import Asked

PACE = {"queued": 0.4, "running": 0.8, "pausing": 0.5, "paused": 2.0}
"""Seconds between two looks at a run, by its state."""

_WALK = ("The recursion", "from the loss back to the picture, layer by layer")
_SOLVE = ("The equations", "from the gradient to the picture")


def draw(run: str) -> None:
    """Mount the fragment at the pace of the run's state."""
    job = store().job(run)
    if job is None:
        st.info("This run was deleted.")
        return
    arrival.draw(run)
    st.session_state["live.state"] = job.state
    st.fragment(_live, run_every=PACE.get(job.state), key="live")(run)


def _live(run: str) -> None:
    job = store().job(run)
    if job is None or job.state != st.session_state.get("live.state") or st.session_state.pop("live.restart", False):
        st.rerun(scope="app")
    if not job.over:
        dispatcher().ensure()
    body(StoredRun(store(), job))


def body(source: Source) -> None:
    """Everything about the run, top to bottom."""
    job = source.job
    truth, present = not stage.attackers_view(), stage.presenting()
    points = source.curve()
    trial, picture = trials.shown(job), trials.picture(job)
    if present:
        stage.leave_button()
        named.of_job(job, large=True)
    else:
        with st.container(key="live_head", gap="xsmall"):
            title = job.title or words.question(job.spec)
            title = title if truth else "A picture that the server never saw"
            stage.other(title)
            st.html(f'<h2 class="gi-question">{words.escape(title)}</h2>')
            with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="toolbar"):
                status.buttons(job)
                if job.over:
                    actions.again(job)
                    actions.vary(job)
                taking.button(Asked((job.id,), truth, trial), "run")
                stage.switches()
            status.line(job, store().place(job.id) if job.state == "queued" else 0)
    measures.draw_sentence(job, truth)
    viewer.draw(source, points, trial, truth=truth, picture=picture, live=not job.over)
    measures.draw_known(job, truth)
    twin.draw(job, source)
    if truth:
        legible.draw(source, trial)
        if not present:
            legible.others(job)
    timeline.draw(job)
    if recursion.layers(job):
        _recursion(source, truth)
    if not present:
        trials.choose_picture(job)
        measures.draw(job, truth)
        if truth and job.run_result is not None:
            label_table.draw(job.run_result["labels"])
            meter.afterwards(job.run_result)
            fetching.offers([str(job.metrics.get("lpips_note") or "")], "lpips")
    _charts(job, points, truth, present)
    if not present:
        trials.draw(source, job)
        if truth:
            hiding.draw(job)
            controls.draw(job)
            _notes(job)


def _recursion(source: Source, truth: bool) -> None:
    """Layers as they are recovered, and what else came of them."""
    job = source.job
    walks = recursion.walks(job)
    title, about = _WALK if walks else _SOLVE
    st.html(f'<h4 class="gi-sub">{title} <small>{about}</small></h4>')
    found = outcomes.figures(job, source, truth)
    report = question.of(job) if walks else None
    recursion.draw(job, report, pictures=found[-2:] if outcomes.rescaled(job) else (), key="strip")
    if job.run_result is not None and job.run_result["note"]:
        telling.caption(f"What the attack says of it: {job.run_result['note']}")
    if truth:
        outcomes.mixture(job, source)


def _charts(job: Job, points: Sequence[Point], truth: bool, present: bool) -> None:
    other = None
    if not present:
        with st.container(horizontal=True, vertical_alignment="center", key="chart_bar"):
            log = st.toggle("Logarithmic loss", value=True, key="log_axis")
            other = actions.overlay(job)
    log = st.session_state.get("log_axis", True)
    runs: dict[str, Sequence[Point]] = {"this run": points}
    if other is not None:
        runs["overlay"] = store().curve(other.id)
    residual = job.progress.get("residual") or (job.run_result["attacker"]["residuals"] if job.run_result else None)
    caption = captions.of_run(job.spec, job.run_result)
    with st.container(key="charts", horizontal=True, gap="medium"):
        with st.container(width="stretch", gap="xsmall"):
            curves.losses(runs, log, "chart_loss", caption, large=present)
        if truth and (job.spec.get("recorded") or {"reference": True}).get("reference"):
            with st.container(width="stretch", gap="xsmall"):
                curves.likeness(runs, "chart_likeness", caption, large=present)
        if residual and not present:
            with st.container(width="stretch", gap="xsmall"):
                curves.residuals(residual, "chart_residual", caption)


def _notes(job: Job) -> None:
    """Notices, warnings, and the log."""
    for notice in job.notices:
        telling.caption(notice)
    lines = store().log(job.id)
    if lines:
        with st.expander("Log of the run", type="compact", key="log"):
            st.html("<br>".join(words.escape(text) for _, text in lines[-50:]))
