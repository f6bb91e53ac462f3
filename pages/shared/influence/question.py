"""The question of the influence page: pictures, each alone, of one network; asked of a worker once."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError, build
from pages.shared.experiment import launch
from pages.shared.session import dispatcher, store, viewer

FACES = tuple(f"bundled/faces:{k}" for k in range(8))
MIXED = tuple(f"bundled/faces:{k}" for k in (0, 1, 2, 3, 100, 101, 102, 103))
"""Four faces, and four patches without one."""
FIRST = build({"samples": FACES, "model": {"kind": "lenet", "init": "uniform"}})
SECONDS = 60.0
"""Seconds that the exact spectrum of one picture may take; beyond them it is estimated."""
_KNOWN = "influence.jobs"


def bare(experiment: Experiment, **changes: Any) -> Experiment:
    """What decides the spectra: no attack, no defense, no time limit. changes: fields set besides."""
    document = experiment.model_dump(mode="json")
    for name in ("attack", "defenses", "seed", "seconds"):
        del document[name]
    return build({**document, **changes})


def alone(experiment: Experiment, ref: str, **changes: Any) -> Experiment:
    """The same question about one of its pictures."""
    labels = experiment.labels
    own = [labels[experiment.samples.index(ref)]] if labels and ref in experiment.samples else None
    return bare(experiment, samples=[ref], labels=own, **changes)


def key(experiment: Experiment) -> str:
    """Equal questions have equal keys."""
    text = json.dumps([experiment.model_dump(mode="json"), SECONDS], sort_keys=True)
    return "influence:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def find(experiment: Experiment) -> Job | None:
    """The newest job about this question (as `bare` makes it), whoever's session asked for it."""
    name, known = key(experiment), st.session_state.setdefault(_KNOWN, {})
    if name not in known:
        found = store().jobs(kinds=("influence",), search=name, limit=1)
        known[name] = found[0].id if found else ""
    return store().job(known[name]) if known[name] else None


def ask(experiment: Experiment) -> Job | None:
    """Have a worker answer it, unless it has been answered. Raises SpecError with one sentence."""
    wrong = [p for p in launch.forbidden(experiment) if p.fatal]
    if wrong:
        raise SpecError(wrong[0].reason)
    dispatcher().ensure()
    name = key(experiment)
    spec = {"experiment": experiment.model_dump(mode="json"), "noise_std": None, "damping": None, "seconds": SECONDS}
    number = store().submit("influence", spec, owner=viewer() or "", title=name, cache_key=name)
    st.session_state.setdefault(_KNOWN, {})[name] = number
    return store().job(number)


def experiment_of(job: Job) -> Experiment | None:
    """What a job was asked, or None where that can no longer be read."""
    try:
        return build(job.spec["experiment"])
    except (SpecError, KeyError):
        return None
