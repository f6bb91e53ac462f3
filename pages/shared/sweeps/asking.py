"""What a browser may ask for in a sweep, what it will take, and how it is started."""

from __future__ import annotations

import math
from dataclasses import dataclass

import streamlit as st

from gi_core import data
from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.jobs.sweep_questions import questions
from gi_core.settings import Experiment, SpecError
from gi_core.settings.sweep import Sweep
from gi_core.types.preview import read
from pages.shared import address
from pages.shared.experiment.permitted import forbidden
from pages.shared.session import dispatcher, store, viewer


@dataclass(frozen=True)
class Extent:
    """runs, trainings: distinct questions. refused: reason -> how many. typical: experiments whose time is asked for."""

    runs: int
    trainings: int
    refused: dict[str, int]
    typical: tuple[Experiment, ...]


def look(experiment: Experiment) -> str:
    """Why a browser may not ask this one; "" where it may."""
    return next((p.reason for p in forbidden(experiment) if p.fatal), "")


@st.cache_data(max_entries=64, show_spinner=False)
def _extent(key: str, _sweep: Sweep) -> Extent:
    asked = questions(_sweep, look)
    refused: dict[str, int] = {}
    for q in asked:
        if q.role == "run" and q.refused:
            refused[q.refused] = refused.get(q.refused, 0) + 1
    possible = [q.spec for q in asked if q.role == "run" and not q.refused]
    places = sorted({0, len(possible) // 2, len(possible) - 1}) if possible else []
    return Extent(
        len({q.key for q in asked if q.role == "run" and not q.refused}),
        len({(q.key, q.seed) for q in asked if q.role == "utility" and not q.refused}), refused,
        tuple(Experiment.model_validate(possible[k]) for k in places),
    )  # fmt: skip


def extent(sweep: Sweep) -> Extent:
    """How much the sweep asks for. Raises SpecError with one sentence where it cannot be asked."""
    training = sweep.utility
    if training is not None and not data.browser_allowed(training.data):
        raise SpecError("a page trains only on data sets by name: choose another for the accuracy")
    return _extent(sweep.key(), sweep)


def seconds(found: Extent) -> float | None:
    """Mean of a few experiments' estimates, first, middle and last, times how many there are; None until they are known."""
    known = []
    for experiment in found.typical:
        job = _preview(experiment)
        if job is not None and not job.over:
            return None
        answer = read(job.result) if job is not None and job.state == "done" and job.result is not None else None
        if answer and answer["seconds_estimate"] is not None:
            known.append(answer["seconds_estimate"])
    return found.runs * (math.fsum(known) / len(known)) if known else None


def awaited(found: Extent) -> bool:
    """Whether a worker still works an estimate out."""
    return any((job := _preview(e)) is not None and not job.over for e in found.typical)


def _preview(experiment: Experiment) -> Job | None:
    try:
        number = store().submit(
            "preview", experiment.model_dump(mode="json"), owner=viewer() or "", cache_key="preview:" + experiment.key()
        )  # fmt: skip
    except SpecError:
        return None
    return store().job(number)


def size(found: Extent) -> str:
    """How many experiments and trainings there are, in words."""
    text = f"{found.runs} experiment{'s' * (found.runs != 1)}"
    return text + (f" and {found.trainings} training{'s' * (found.trainings != 1)}" if found.trainings else "")


def reasons(found: Extent) -> list[str]:
    """What cannot be run, a sentence each, the most frequent first."""
    listed = sorted(found.refused.items(), key=lambda item: -item[1])[:3]
    return [f"{count} {'is' if count == 1 else 'are'} left out: {reason}" for reason, count in listed]


def start(sweep: Sweep) -> None:
    """Queue the sweep and show it. Raises SpecError."""
    extent(sweep)
    dispatcher().ensure()
    show(sweeps.start(store(), sweep, viewer() or "", look))


def show(number: str | None) -> None:
    """This sweep is looked at, or all of them; the address says so."""
    address.show(sweep=number)


def shown() -> str | None:
    """The sweep that the page shows, as its address names it."""
    return address.value("sweep")


def find(sweep: Sweep, jobs: list[Job]) -> Job | None:
    """The newest of these jobs that asks this very sweep."""
    key = sweep.key()
    return next((job for job in jobs if job.cache_key == key), None)
