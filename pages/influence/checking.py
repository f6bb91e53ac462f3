"""Predicted against measured: the real attack on noise that was really drawn, as points about the line y = x."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from gi_core.figures import drawing
from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError
from pages.influence import noise
from pages.influence.reading import Reading, short
from pages.shared import link, telling, words
from pages.shared.experiment import launch, press
from pages.shared.influence import question
from pages.shared.result import charts, status
from pages.shared.session import store, viewer

_CHECK, _SAID, _PREDICTED = "influence.check", "influence.check_said", "influence.predicted"


@dataclass(frozen=True)
class Point:
    """One finished run: root mean squared errors per pixel, unclamped."""

    run: str
    title: str
    predicted: float
    measured: float


def experiment(asked: Experiment, ref: str, sigma: float) -> Experiment:
    """The run that checks a prediction: the picture alone, noise of that level, the strongest attack on it."""
    return question.alone(
        asked, ref, defenses=[{"kind": "gaussian_noise", "std": float(f"{sigma:.6g}")}],
        attack={"kind": "levenberg_marquardt", "labels": "known"},
    )  # fmt: skip


@st.cache_data(ttl=5, max_entries=8, show_spinner=False)
def _points(owner: str | None, predicted: dict[str, float], check: str) -> list[Point]:
    """check: the state of the check, so that its end is never answered from before."""
    found = []
    for job in store().jobs(states=("done",)):
        known = job.run_result.get("calibration") if job.run_result else None
        expected = known["predicted_rmse"] if known else predicted.get(job.id)
        measured = known["measured_rmse"] if known else job.metrics.get("rmse_unclamped")
        if expected and measured:
            found.append(Point(job.id, job.title or words.question(job.spec), float(expected), float(measured)))
    return found


def points() -> list[Point]:
    """All finished runs whose error was predicted."""
    job = _job()
    return _points(viewer(), st.session_state.get(_PREDICTED, {}), f"{job.id} {job.state}" if job is not None else "")


def waiting() -> bool:
    """Whether the check is under way."""
    job = _job()
    return job is not None and not job.over


def _job() -> Job | None:
    return store().job(st.session_state.get(_CHECK, ""))


def draw(asked: Experiment, one: Reading, sigma: float) -> None:
    """The button, the run while it goes on, and the chart."""
    charts.heading("Was it right?", "predicted against measured error, for runs of the real attack")
    if not one.error:
        if press.button(
            "influence_check", f"Check this prediction for {one.name}", about=f"{asked.key()}.{one.ref}",
            icon=":material/fact_check:", disabled=waiting(),
            help="Runs the Levenberg-Marquardt attack on this picture with noise of this level, and measures.",
        ):  # fmt: skip
            _check(asked, one)
            st.rerun(scope="app")
    said = st.session_state.get(_SAID)
    if said:
        telling.problem(said)
    job, known = _job(), points()
    if job is not None:
        _state(job, known)
    if not known:
        st.html(
            '<p class="gi-about">Runs the real attack on the picture above, with noise of the level above, and puts what it'
            " measures on a chart. Every finished run with a defense that adds to the update is a point there too.</p>"
        )
        return
    _chart(known, job.id if job is not None else "")


def _state(job: Job, known: list[Point]) -> None:
    if not job.over:
        status.line(job, store().place(job.id) if job.state == "queued" else 0)
    elif job.state == "failed":
        telling.problem("the attack stopped: " + (job.error or "no reason was given"))
    for point in known:
        if point.run == job.id:
            apart = 100 * abs(point.measured / point.predicted - 1)
            st.html(
                f'<p class="gi-about" role="status">Predicted {short(point.predicted)} without a prior, measured'
                f" <b>{short(point.measured)}</b>: {apart:.0f} % apart.</p>"
            )
    link.to_lab("This run in the lab", run=job.id)


def _chart(known: list[Point], mine: str) -> None:
    runs = [(p.title, p.predicted, p.measured, p.run == mine) for p in known]
    charts.draw(
        drawing("calibration", runs).under(f"{len(runs)} finished runs whose error was predicted."),
        "influence_calibration",
    )
    st.html(
        '<p class="gi-about">On the dashed line prediction and attack agree. Above it: the attack did not get as far, or the'
        " noise was too large for a linear prediction. Below it: the attack used a prior.</p>"
    )


def _check(asked: Experiment, one: Reading) -> None:
    sigma = noise.now()
    st.session_state[_SAID] = None
    try:
        run = launch.submit(experiment(asked, one.ref, sigma))
    except SpecError as error:
        st.session_state[_SAID] = str(error)
        return
    st.session_state[_CHECK] = run
    st.session_state[_PREDICTED] = {**st.session_state.get(_PREDICTED, {}), run: one.rmse(sigma)}
