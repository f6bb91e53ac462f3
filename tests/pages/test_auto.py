"""Whoever leaves the attack to the program and presses the button gets what the strongest one finds, and is told how."""

from __future__ import annotations

import json

import pytest

from gi_core.experiments.setup import Questions
from gi_core.jobs.sink import StoreControl
from gi_core.workers import duties
from tests import pages_fakes as fakes
from tests.pages.opened import lab, text

NETWORKS = {
    "levenberg_marquardt": {"kind": "lenet", "width": 6, "init": "uniform"},
    "peeling": {"kind": "lenet", "width": 12, "activation": "relu"},
    "analytic_linear": {"kind": "mlp", "hidden": 16},
}
"""Small networks by an attack that is exact on them when it is picked by a person who knows."""


@pytest.mark.parametrize("strongest", NETWORKS)
def test_nobody_needs_to_know_which_attack_is_the_strongest(store, strongest):
    asked = {"size": 12, "model": NETWORKS[strongest], "attack": {"kind": "auto", "iterations": 200}}
    app = lab(experiment=json.dumps(asked))
    fakes.button(app, "run_attack").click().run()
    (job,) = store.jobs()
    assert job.spec["attack"]["kind"] == "auto"
    writer = fakes.writer(store)
    writer.take(job.id)
    duties.do(store.job(job.id), writer, StoreControl(writer, job.id), Questions())
    done = store.job(job.id)
    assert done.state == "done" and done.metrics["psnr"] > 60, "as exact as the attack that fits"
    shown = text(lab(run=job.id))
    assert "What was tried" in shown and "kept" in shown and "calls its answer exact" in shown
    assert "refused or not needed" in shown
