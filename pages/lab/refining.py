"""The whole spectrum of the form's question, worked out in the background, so that the risk meter can be exact."""

from __future__ import annotations

import math
import time

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError
from gi_core.settings.client import FedSgd
from gi_core.settings.noise_defenses import GaussianNoise
from gi_core.types.influence import read
from gi_core.types.preview import Preview
from pages.shared.influence import question
from pages.shared.session import dispatcher, store, viewer

MOST_VALUES = 1024
_PATIENCE = 90.0
_ASKED = "refining.asked"


def error(experiment: Experiment, preview: Preview) -> float | None:
    """Expected error per pixel by the spectrum, in [0, 1]; asks a worker for it when it is cheap and nobody waits."""
    sigma = _noise(experiment)
    if sigma is None or len(experiment.samples) != 1 or preview["risk"]["refined"]:
        return None
    job = _job(experiment)
    if job is None and math.prod(preview["input_shape"] or (MOST_VALUES + 1,)) <= MOST_VALUES:
        job = _ask(experiment)
    if job is None or job.state != "done":
        return None
    answer = read(job.result)
    found = answer["samples"][0] if answer else None
    if found is None or "error" in found:
        return None
    if not sigma:
        return found["predicted_rmse"]
    curve = found["curve"]
    return next((sigma / s * e for s, e in zip(curve["noise_std"], curve["rmse"], strict=True) if e), None)


def awaited(experiment: Experiment) -> bool:
    """Whether a spectrum of this question is still to come."""
    job, since = _job(experiment), st.session_state.get(_ASKED, ("", "", 0.0))[2]
    return job is not None and not job.over and time.time() - since < _PATIENCE


def _noise(experiment: Experiment) -> float | None:
    """Standard deviation of the noise on every value; None where something else changes the update, or it is no gradient
    of a plain function.
    """
    client = experiment.client
    if not isinstance(client, FedSgd) or (client.batch_norm == "train" and experiment.model.has_batch_norm):
        return None
    noises = [d.std for d in experiment.defenses if isinstance(d, GaussianNoise)]
    return math.hypot(*noises) if len(noises) == len(experiment.defenses) else None


def _job(experiment: Experiment) -> Job | None:
    name, number, _ = st.session_state.get(_ASKED, ("", "", 0.0))
    return store().job(number) if number and name == question.key(question.bare(experiment)) else None


def _ask(experiment: Experiment) -> Job | None:
    """Ask in the batch lane, never while a run of this person waits or runs. A spectrum that is no longer wanted is cancelled."""
    if store().jobs(states=("queued", "running", "pausing"), limit=1):
        return None
    asked = question.bare(experiment)
    name, before = question.key(asked), st.session_state.get(_ASKED)
    spec = {
        "experiment": asked.model_dump(mode="json"), "noise_std": None, "damping": None, "seconds": question.SECONDS,
    }  # fmt: skip
    try:
        old = store().job(before[1]) if before else None
        if old is not None and not old.over:
            store().control(old.id, "cancel")
        dispatcher().ensure()
        number = store().submit("influence", spec, lane="batch", owner=viewer() or "", title=name, cache_key=name)
    except SpecError:
        return None
    st.session_state[_ASKED] = (name, number, time.time())
    return store().job(number)
