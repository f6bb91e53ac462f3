"""The end of the form: what it will take, why it cannot work, and the one button."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment, Problem, SpecError, build, problems
from gi_core.types.preview import Preview, read
from pages.shared import address, fetching, form, telling, timing, words
from pages.shared.experiment import meter, press
from pages.shared.experiment.permitted import forbidden, refuse
from pages.shared.session import dispatcher, store, viewer

_PATIENCE = 20.0
GOING_ON = ("queued", "running")
ENOUGH = (*GOING_ON, "done")
"""A run in one of these states answers the same question as a new one would."""
STARTED, ASKED = "launch.started", "launch.asked"
"""The run that this session asked for last, and how often it has asked for any."""


def draw(refined: Callable[[Experiment, Preview], float | None]) -> None:
    """Meter, estimate, problems, button. refined: the expected error by the whole spectrum, once that is known."""
    experiment = form.current()
    found = problems(experiment) + forbidden(experiment)
    fatal = any(p.fatal for p in found)
    preview = None if fatal else _ask(experiment)
    answered = answer(experiment) if preview else None
    later = [Problem(p["field"], p["reason"], p["fatal"]) for p in (answered["problems"] if answered else ())]
    later = [p for p in later if p.reason not in {q.reason for q in found}]
    fatal = fatal or any(p.fatal for p in later)
    complaint = form.complaint()
    with st.container(key="launch", gap="xsmall"):
        with st.container(key="launch_words", gap="xsmall"):  # the button keeps its place, however much is said
            found_risk = answered.get("risk") if answered else None
            error = refined(experiment, answered) if answered and found_risk and not fatal else None
            meter.draw(found_risk, error, awaited=preview is not None and not preview.over and not fatal)
            _estimate(experiment, preview, answered, fatal)
            for said in form.adapted():
                telling.adapted(said)
            for said in filter(None, (complaint, form.awaits(), *(p.reason for p in found + later))):
                telling.problem(said, "status")
            if preview is not None and preview.state == "failed" and preview.error:
                telling.problem(preview.error, "status")
                fatal = True
            for notice in answered["notices"] if answered else ():
                telling.note(notice)
            sentences = [p.reason for p in found + later] + [preview.error or "" if preview else ""]
            fetching.offers(sentences, "launch")
        st.html(_drawn(experiment))
        off = fatal or form.awaits() is not None
        if press.button("run_attack", "Run attack", type="primary", width="stretch", disabled=off):
            _run(experiment)


def _ask(experiment: Experiment) -> Job | None:
    """The worker's preview of this experiment, asked for once."""
    known, number, since = st.session_state.get("launch.preview", ("", "", 0.0))
    if known != experiment.key():
        try:
            number = store().submit(
                "preview", experiment.model_dump(mode="json"), owner=viewer() or "",
                cache_key="preview:" + experiment.key(),
            )  # fmt: skip
        except SpecError:
            return None
        st.session_state["launch.preview"] = (experiment.key(), number, time.time())
    return store().job(number)


def answer(experiment: Experiment) -> Preview | None:
    """What the worker found of this very experiment, if it has answered."""
    known, number, _ = st.session_state.get("launch.preview", ("", "", 0.0))
    job = store().job(number) if known == experiment.key() else None
    return read(job.result) if job is not None and job.state == "done" and job.result is not None else None


def awaited(experiment: Experiment) -> bool:
    """Whether an answer of the worker is still to come."""
    if any(p.fatal for p in problems(experiment) + forbidden(experiment)):
        return False
    job = _ask(experiment)
    since = st.session_state.get("launch.preview", ("", "", 0.0))[2]
    return job is not None and not job.over and time.time() - since < _PATIENCE


def _short(seconds: float) -> str:
    """The time of one iteration."""
    return words.span(seconds) if seconds >= 0.1 else f"{1000 * seconds:.0f} ms" if seconds >= 1e-3 else "below 1 ms"


def _estimate(experiment: Experiment, preview: Job | None, answer: Preview | None, fatal: bool) -> None:
    """One line of fixed height."""
    if answer and answer["seconds_estimate"] is not None:
        count, each = answer["iterations_estimate"], answer["seconds_per_iteration"]
        span = timing.of_run(answer["seconds_estimate"], experiment.attack.kind, experiment.model.kind)
        text = f"About <b>{span.removeprefix('about ')}</b>"
        if count and each:
            text += f" · {count:.0f} iterations of {_short(each)}"
        if answer["accuracy"] is not None:
            text += f" · network right on {100 * answer['accuracy']:.0f} %"
        if answer["gradient_norm"] is not None:
            text += f" · gradient norm {answer['gradient_norm']:.2g}"
    elif fatal or preview is None:
        text = ""
    elif preview.over:
        text = "No estimate for this one"
    else:
        text = "Estimating the time…"
    st.html(f'<p class="gi-estimate" role="status">{text}&nbsp;</p>')


def _drawn(experiment: Experiment) -> str:
    """What this very drawing of the form asks, for scripts and tests; and whether the run on show asks something else."""
    run = address.get("run")
    other = experiment.key() != _key_of(run) if run else experiment != form.start()
    return f'<i class="gi-asked{" gi-other" * other}" data-stamp="{form.stamp()}" data-asked="{experiment.key()}"></i>'


def _key_of(run: str) -> str | None:
    """The key of a run's experiment, which settings that came after the run do not change; None where it cannot be read."""
    job = store().job(run)
    try:
        return None if job is None else build(job.spec).key()
    except SpecError:
        return None


def _run(experiment: Experiment) -> None:
    """Queue the run and show it."""
    try:
        show(start(experiment))
    except SpecError as error:
        telling.problem(error)
        return
    address.sync()
    st.rerun(scope="app")


def show(run: str) -> None:
    """A run that a person has just asked for."""
    st.session_state[STARTED] = run
    st.session_state[ASKED] = st.session_state.get(ASKED, 0) + 1
    address.put(run=run, beside=None)


def start(experiment: Experiment, states: tuple[str, ...] = GOING_ON) -> str:
    """A run of this very experiment: the one that is going on, by however many clicks it was asked for, else a new one.

    states: in which a run counts. Raises SpecError with one sentence.
    """
    spec = experiment.model_dump(mode="json")
    same = (job for job in store().jobs(kinds=("run",), states=states, limit=200) if job.spec == spec)
    here = next((job for job in same if job.owner == (viewer() or "") and job.asked != "cancel"), None)
    return here.id if here is not None else submit(experiment)


def submit(experiment: Experiment) -> str:
    """A new run of this experiment. Raises SpecError with one sentence."""
    refuse(experiment)
    dispatcher().ensure()
    spec = experiment.model_dump(mode="json")
    return store().submit("run", spec, owner=viewer() or "", title=words.question(spec))
