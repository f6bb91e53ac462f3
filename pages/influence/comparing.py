"""The same picture under other weights: how they are drawn, and how long the network has been trained."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError
from gi_core.settings.client import Trained
from gi_core.settings.network_base import Init
from gi_core.types.influence import Influence, read
from pages.influence import stages
from pages.influence.reading import Reading, readings
from pages.shared import telling, words
from pages.shared.experiment import press
from pages.shared.influence import question
from pages.shared.result import charts

EPOCHS = (0, 1, 2, 5, 10)
_ASKED = "influence.series"
_SAID = "influence.series_said"


def inits(experiment: Experiment, ref: str) -> dict[str, Experiment]:
    """One question for each way to draw the weights."""
    model = experiment.model.model_dump(mode="json")
    fresh = {"weights": {"kind": "fresh"}}
    return {name: question.alone(experiment, ref, model={**model, "init": name}, **fresh) for name in get_args(Init)}


def epochs(experiment: Experiment, ref: str) -> dict[str, Experiment]:
    """One question for each stage of training; on the bundled pictures where the picture has no data set."""
    now = experiment.weights
    trained = now.model_dump(mode="json") if isinstance(now, Trained) else {"kind": "trained"}
    more: dict[str, Any] = {}
    if ref.startswith(("upload:", "folder:")) and not trained.get("data"):
        trained["data"] = "bundled"
        more["model"] = {**experiment.model.model_dump(mode="json"), "classes": experiment.model.classes or 11}
    asked: dict[str, Experiment] = {}
    for k in EPOCHS:
        weights = {**trained, "epochs": k} if k else {"kind": "fresh"}
        asked[str(k)] = question.alone(experiment, ref, weights=weights, **more)
    return asked


_SERIES = {"inits": inits, "epochs": epochs}


def waiting(experiment: Experiment, ref: str) -> bool:
    """Whether a worker still works on one of them."""
    return any(job is not None and not job.over for name in _SERIES for job in _jobs(name, experiment, ref).values())


def _jobs(name: str, experiment: Experiment, ref: str) -> dict[str, Job | None]:
    return {title: question.find(one) for title, one in _SERIES[name](experiment, ref).items()}


def draw(experiment: Experiment, one: Reading, sigma: float) -> None:
    """Both comparisons, each with its button."""
    with st.grid(2, min_column_width=300, gap="medium", key="influence_series"):
        with st.container(gap="xsmall"):
            charts.heading(
                "How the weights are drawn", f"{words.escape(one.name)}, same network, five ways to start it"
            )
            found = _bar("inits", experiment, one.ref, "Compare five initialisations", "compare_arrows")
            if found:
                stages.inits(found, sigma)
        with st.container(gap="xsmall"):
            charts.heading("Along training", "the same picture, attacked after so many epochs")
            found = _bar("epochs", experiment, one.ref, "Train, and look along the way", "model_training")
            if len(found) > 1:
                stages.epochs(found, sigma)


def _bar(name: str, experiment: Experiment, ref: str, label: str, icon: str) -> dict[str, tuple[Reading, Influence]]:
    """The button, how it stands, and what is there: title -> (picture, answer)."""
    jobs = _jobs(name, experiment, ref)
    busy = [job for job in jobs.values() if job is not None and not job.over]
    done = {title: job for title, job in jobs.items() if job is not None and job.state == "done"}
    if len(done) < len(jobs):
        about = f"{experiment.key()}.{ref}"
        if press.button(f"influence_{name}", label, about, icon=f":material/{icon}:", disabled=bool(busy)):
            _ask(name, experiment, ref)
            st.rerun(scope="app")
    said = st.session_state.get(_SAID, {}).get(name)
    failed = {title: job.error for title, job in jobs.items() if job is not None and job.state == "failed"}
    if busy:
        stage = str(busy[0].progress.get("stage") or "waiting for the worker")
        st.progress(len(done) / len(jobs), text=words.plain(f"{len(done)} of {len(jobs)} done: {stage}"))
    elif len(done) < 2 and not failed:
        st.html(f'<p class="gi-about">{_ABOUT[name]}</p>')
    for sentence in dict.fromkeys(filter(None, (said, *failed.values()))):
        telling.problem(sentence)
    answers = {title: read(job.result) for title, job in done.items()}
    return {title: (readings(answer)[0], answer) for title, answer in answers.items() if answer}


_ABOUT = {
    "inits": "Draws the weights in five ways and predicts the leak of each: five spectra of one picture.",
    "epochs": "Trains the network here for 1, 2, 5 and 10 epochs, on the picture's own data set or the bundled pictures,"
    " and predicts the leak of each stage. This takes a while; what was trained is kept.",
}


def _ask(name: str, experiment: Experiment, ref: str) -> None:
    said = st.session_state.setdefault(_SAID, {})
    said.pop(name, None)
    try:
        for one in _SERIES[name](experiment, ref).values():
            question.ask(one)
    except SpecError as error:
        said[name] = str(error)
