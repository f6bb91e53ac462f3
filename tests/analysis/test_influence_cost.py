"""What products with J cost is counted, so that what a person reads does not depend on the machine's load."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from gi_core.analysis.influence import quick
from gi_core.clients.round import normalised
from gi_core.experiments import risk_afterwards, risk_meter
from gi_core.experiments.setup import ask
from gi_core.numerics import jacobian_cost
from gi_core.numerics.picture_jacobian import Sample
from tests.victims import experiment

NOISE = [{"kind": "gaussian_noise", "std": 1e-3}]


def test_operations_of_a_convolution_and_a_dense_layer():
    net = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 8 * 8, 10))
    flops, values, layers = jacobian_cost.forward(net, torch.zeros(2, 3, 8, 8))
    assert flops == 2 * (2 * 5 * 64 * 27 + 2 * 320 * 10) and layers == 4
    assert values == 2 * (3 * 320 + 10)
    assert not any(m._forward_hooks for m in net.modules())


def test_nominal_seconds_by_the_formula():
    net = nn.Linear(100, 50, bias=False)
    expected = (
        10_000 / jacobian_cost.RATE["cpu"]
        + (50 + 5000) / jacobian_cost.MEMORY["cpu"]
        + jacobian_cost.CALLS / jacobian_cost.PASSES
    )
    assert jacobian_cost.pass_seconds(net, torch.zeros(1, 100)) == pytest.approx(expected)
    assert jacobian_cost.product_seconds(net, torch.zeros(1, 100)) == pytest.approx(jacobian_cost.PASSES * expected)


@pytest.mark.parametrize(("reach", "products"), [(0.5, 0), (23.5, 0), (24.5, 24), (90.5, 90), (1e6, quick.DEPTH)])
def test_products_by_the_seconds_that_they_take_nominally(gi_home, monkeypatch, reach, products):
    asked = ask(experiment(size=16), torch.device("cpu"), lambda f, t: None)
    sample = Sample(asked.round.knowledge, normalised(asked.pictures, torch.device("cpu")), asked.round.labels)
    monkeypatch.setattr(sample, "_product_seconds", 0.01)
    assert quick.depth(sample, reach * 0.01) == products


def test_a_clock_that_runs_away_changes_nothing(gi_home, monkeypatch):
    """As on a machine so busy that a minute passes between any two lines."""
    asked = [ask(experiment(defenses=NOISE), torch.device("cpu"), lambda f, t: None) for _ in range(2)]
    first = risk_meter.measure(asked[0])
    calibrated = risk_afterwards.calibrate(asked[0], 0.1)
    for name in ("perf_counter", "monotonic", "process_time"):
        now = iter(range(0, 10**9, 60))
        monkeypatch.setattr(time, name, lambda now=now: float(next(now)))
    for file in gi_home.glob("spectra/*"):
        file.unlink()
    assert risk_meter.measure(asked[1]) == first and first["error"] is not None
    assert risk_afterwards.calibrate(asked[1], 0.1) == calibrated is not None
