"""The influence page as a person asks it, and a worker's answers."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from gi_core.analysis.influence import keeping
from gi_core.jobs.job import Job
from gi_core.numerics.spectrum import Spectrum
from gi_core.settings import Experiment, build
from pages.shared import link
from tests import pages_fakes as fakes
from tests.pages.opened import charts as charts
from tests.pages.opened import opened

SIGMAS = np.logspace(-9, 1, 81)
SIDE = 5
D = SIDE * SIDE
FOUR = ("bundled/faces:0", "bundled/faces:1", "bundled/faces:100", "bundled/faces:101")


def influence(**query) -> AppTest:
    return opened("influence", **query)


def asking(*refs: str, **more) -> Experiment:
    return build({"samples": refs or FOUR, "model": {"kind": "lenet", "init": "uniform"}, **more})


def linked(experiment: Experiment) -> AppTest:
    return influence(experiment=link.encode(experiment))


def spectrum(scale: float = 1.0, exact: bool = True) -> Spectrum:
    values = np.logspace(-6, 0, D) * scale
    return Spectrum(values, np.ones(D), np.ones((1, D)), (1.0,), exact, 0.6 * scale**0.5, 8714, 0.0 if exact else 0.3)


def described(ref: str, found: Spectrum, key: str) -> dict:
    """A picture's part of an answer, as the worker writes it."""
    errors = [found.expected(float(s)) for s in SIGMAS]
    return {
        "sample": ref, "label": 0, "class_name": "face" if int(ref.rpartition(":")[2]) < 100 else "no face", "key": key,
        "eigenvalue_max": found.largest, "eigenvalue_min": found.smallest, "gradient_norm": found.norm,
        "exact": found.exact, "relative_error": found.spread, "spectrum": found.to_json(),
        "curve": {"noise_std": SIGMAS.tolist(), "rmse": [e.pixels for e in errors], "rmse_with_prior": [e.pixels_with_prior for e in errors]},
    }  # fmt: skip


def answer(store, job: Job, wrong: dict[str, str] | None = None, exact: bool = True, kept: bool = True) -> None:
    """Answer a job as a worker would; each picture is ten times as exposed as the one before."""
    out = fakes.writer(store)
    out.take(job.id)
    folder, samples = out.folder(job.id), []
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    for k, ref in enumerate(job.spec["experiment"]["samples"]):
        Image.fromarray(np.full((SIDE, SIDE), 40 * (k % 6), np.uint8)).save(folder / f"picture_{k:03d}.png")
        one = {"sample": ref, "label": 0, "class_name": "face"}
        if ref in (wrong or {}):
            one["error"] = wrong[ref]
        else:
            found, key = spectrum(10.0 ** (2 * k), exact), f"{k:024x}"
            if kept:
                keeping.write(key, found, vectors if exact else None)
            one = described(ref, found, key)
        samples.append({**one, "picture": f"picture_{k:03d}.png"})
    result = {
        "model": "lenet",
        "shape": [1, SIDE, SIDE],
        "parameters": 8714,
        "weights": "fresh",
        "accuracy": 0.8,
        "samples": samples,
    }
    out.finish(job.id, "done", result, None)


def jobs(store) -> list[Job]:
    return store.jobs(kinds=("influence",))


def answered(store, *refs: str, **how) -> AppTest:
    app = linked(asking(*refs))
    fakes.button(app, "run_influence").click().run()
    answer(store, jobs(store)[0], **how)
    app.run()
    assert not app.exception, app.exception
    return app


def rows(app: AppTest) -> list[dict]:
    (found,) = [c for c in app.get("bidi_component") if '"rows"' in str(c.proto.json)]
    return json.loads(found.proto.json)["rows"]
