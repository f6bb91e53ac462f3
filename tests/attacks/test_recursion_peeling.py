"""Peeling: the recursion through ReLU by its masks, exact on small networks, trained or not."""

from __future__ import annotations

import pytest

from gi_core import data
from gi_core.experiments import preparing
from tests.recovery import ask, conv, drawn, recover

RELU = {"kind": "lenet", "activation": "relu"}


@pytest.mark.parametrize("face", [0, 20, 60])
def test_a_relu_lenet_is_peeled_exactly(face):
    found = recover(ask(RELU, "peeling", samples=[f"bundled/faces:{face}"], size=25))
    assert found.psnr[0] > 60 and found.labels == found.labels_true
    assert [layer.name for layer in found.layers] == ["fc", "conv3", "conv2", "conv1"]


def test_the_recursion_alone_finds_the_masks():
    """Without matching, and with layers of every kind."""
    layers = (
        conv(16, activation="relu", bias=True),
        conv(24, stride=2, activation="relu"),
        {"kind": "dense", "features": 200, "activation": "relu", "bias": True},
    )
    found = recover(ask(drawn(*layers, seed=1), {"kind": "peeling", "matching": 0}, samples=["bundled/coffee"]))
    assert found.psnr[0] > 80 and len(found.layers) == found.step.iteration == 4


def test_silent_units_may_leave_a_layer_short_and_that_is_said():
    """An even dark patch switches most units off, and their equations with them."""
    asked = ask(RELU, {"kind": "peeling", "matching": 0}, samples=["bundled/faces:150"], size=25)
    found = recover(asked)
    assert found.layer("conv2").deficiency > 0 and found.layer("conv2").route == "under-determined"
    assert "layer conv2 is short of equations" in found.step.note and found.psnr[0] < 40


def test_a_mask_that_is_read_too_tight_costs_the_picture():
    """Half of the largest value is no rounding: active units are taken for silent ones."""
    attack = {"kind": "peeling", "matching": 0, "mask_tolerance": 0.5}
    found = recover(ask(RELU, attack, samples=["bundled/faces:0"], size=25))
    assert found.psnr[0] < 30 and found.step.note != "every layer is determined and its equations agree"


@pytest.mark.parametrize("activation", ["sigmoid", "leaky_relu"])
def test_peeling_is_the_recursion_where_activations_have_inverses(activation):
    model = {"kind": "lenet", "activation": activation}
    assert recover(ask(model, "peeling", samples=["bundled/faces:0"], size=25)).psnr[0] > 60


def _mnist(folder, index: int, **values):
    return ask(RELU, "peeling", samples=[f"folder:{folder}/mnist_test:{index:04d}"], size=28, **values)


@pytest.mark.slow
def test_mnist_untrained(shared_data):
    errors = [10 ** (-recover(_mnist(shared_data, i)).psnr[0] / 10) for i in range(10)]
    assert sum(error < 1e-6 for error in errors) >= 9, errors


@pytest.mark.slow
def test_mnist_trained(shared_data, gi_home):
    weights = {"kind": "trained", "data": f"npz:{shared_data}/mnist_train_5000.npz"}
    asked = [_mnist(shared_data, i, weights=weights) for i in range(10)]
    _, info = preparing.prepare(asked[0], data.load(asked[0]))
    assert info["accuracy"] > 0.95
    errors = [10 ** (-recover(a).psnr[0] / 10) for a in asked]
    assert sum(error < 1e-6 for error in errors) >= 9, errors
