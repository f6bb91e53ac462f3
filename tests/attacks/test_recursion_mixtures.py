"""Analytic recovery through dense layers, and what a recursion makes of a batch."""

from __future__ import annotations

import numpy as np
import pytest

from gi_core.experiments.recursion_results import mixture
from gi_core.settings import problems
from tests.recovery import ask, drawn, recover

THREE = {"samples": ["bundled/coffee", "bundled/astronaut", "bundled/cell"], "labels": [4, 0, 7], "channels": 3}
FIVE = [f"bundled/{name}" for name in ("astronaut", "coffee", "rocket", "cell", "page")]
DENSE = {"kind": "dense", "features": 30, "slope": 0.2}


@pytest.mark.parametrize("rows", ["least_squares", "largest"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "sigmoid"])
def test_a_dense_network_with_biases_gives_its_picture(activation, rows):
    model = {"kind": "mlp", "hidden": 40, "depth": 3, "activation": activation}
    found = recover(ask(model, {"kind": "analytic_linear", "rows": rows}, labels=[6]))
    assert found.psnr[0] > 120 and found.labels == [6] and len(found.layers) == 1  # fc1 alone is asked


@pytest.mark.parametrize("rows", ["least_squares", "largest"])
def test_a_linear_model_gives_its_picture(rows):
    found = recover(ask({"kind": "linear"}, {"kind": "analytic_linear", "rows": rows}, labels=[6]))
    assert found.psnr[0] > 120 and found.labels == [6]


def test_the_recursion_goes_down_from_the_first_layer_with_a_bias():
    model = drawn(DENSE, {**DENSE, "activation": "relu"}, {**DENSE, "bias": True}, bias=False)
    found = recover(ask(model, "analytic_linear"))
    assert [layer.name for layer in found.layers] == ["layer3", "layer2", "layer1"] and found.psnr[0] > 100


def test_a_linear_model_gives_a_row_for_each_picture_of_a_batch():
    found = recover(ask({"kind": "linear"}, "analytic_linear", **THREE))
    images, labels = found.attack.answer(found.state)
    assert sorted(labels.tolist()) == sorted(found.labels_true)
    order = [found.labels_true.index(k) for k in labels.tolist()]
    measured = mixture(images.numpy(), found.truth.numpy())
    assert measured["span_residual"] < 1e-5 and measured["answers"] == 3
    share = np.abs(np.asarray(measured["coefficients"]))[:, :]
    assert share.argmax(1).tolist() == order and "row" in found.step.note


@pytest.mark.parametrize(
    ("model", "attack"),
    [
        ({"kind": "fcn3"}, "rgap"),
        ({"kind": "mlp", "hidden": 40}, "analytic_linear"),
        (drawn(DENSE, DENSE), "rgap"),
    ],
    ids=["fcn3", "mlp", "drawn"],
)
def test_a_batch_through_dense_layers_is_one_mixture_of_its_pictures(model, attack):
    asked = ask(model, attack, samples=FIVE, channels=1)
    found = recover(asked)
    images, labels = found.attack.answer(found.state)
    measured = mixture(images.numpy(), found.truth.numpy())
    assert measured["span_residual"] < 1e-5 and measured["answers"] == 1 and len(measured["coefficients"][0]) == 5
    assert images.shape == found.truth.shape and labels.shape == (5,)
    assert found.step.note == "one mixture of 5 pictures: a recursion does not separate them"
    warned = [p for p in problems(asked) if p.field == "samples"]
    assert len(warned) == 1 and not warned[0].fatal and "one mixture" in warned[0].reason


def test_the_mixing_is_that_of_the_rows():
    """Coefficients of a known sum, and what lies outside the pictures."""
    rng = np.random.default_rng(0)
    pictures = rng.random((3, 1, 4, 4))
    outside = rng.random((1, 4, 4))
    mixed = 0.5 * pictures[0] - 0.2 * pictures[2]
    measured = mixture(np.stack([mixed] * 3), pictures)
    np.testing.assert_allclose(measured["coefficients"], [[0.5, 0, -0.2]], atol=1e-12)
    assert measured["span_residual"] < 1e-12
    assert mixture(np.stack([mixed + outside] * 3), pictures)["span_residual"] > 0.1
