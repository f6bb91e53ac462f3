"""R-GAP completed: virtual constraints, smoothness, or matching, where a layer is short of equations."""

from __future__ import annotations

import numpy as np
import pytest

from gi_core.attacks.recursion import smooth, virtual
from gi_core.numerics.convolution_maps import weight_matrix
from gi_core.settings.graph import Act, Conv
from tests.recovery import ask, conv, drawn, recover

HYBRID = {"kind": "rgap_hybrid", "matching": 10}
CLOSED = drawn(conv(12, 4, stride=2, padding=2), conv(8, stride=2), conv(24))
OPEN = drawn(conv(16, 5, stride=2), conv(2), conv(24))
PICTURE = drawn(conv(6, stride=2), conv(24))


def test_cnn6_d_is_completed_and_recovered():
    """280 directions open at conv2, 396 virtual constraints: the published example of where R-GAP ends."""
    found = recover(ask({"kind": "cnn6_d"}, "rgap_hybrid", size=32))
    second = found.layer("conv2")
    assert second.deficiency == 280 and second.note.startswith("396 virtual constraints of the layer below")
    assert found.psnr[0] > 80 and found.step.iteration == len(found.layers) == 7  # without any matching


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "sigmoid", "softplus"])
def test_virtual_constraints_through_every_activation(activation):
    layers = [{**layer, "activation": activation, "bias": True} for layer in CLOSED["layers"]]
    asked = ask(drawn(*layers), HYBRID, size=16)
    plain, found = recover(ask(drawn(*layers), size=16)), recover(asked)
    assert found.layer("layer2").deficiency == plain.layer("layer2").deficiency > 0
    assert plain.psnr[0] < 40 and found.psnr[0] > 80


def test_a_deficient_picture_is_the_smoothest_that_fits():
    plain, found = recover(ask(PICTURE)), recover(ask(PICTURE, HYBRID))
    assert plain.layer("layer1").deficiency == found.layer("layer1").deficiency > 0
    assert found.psnr[0] > plain.psnr[0] + 10 and "total variation" in found.step.note
    assert max(found.attack.residual(found.state).values()) < 1e-5  # it fits the update as well as the true one
    rough = recover(ask(PICTURE, {**HYBRID, "total_variation_rounds": 0, "matching": 0}))
    assert rough.psnr[0] == pytest.approx(plain.psnr[0], abs=0.1)


def test_where_nothing_completes_it_matching_goes_on():
    recursion = recover(ask(OPEN, {**HYBRID, "matching": 0}))
    found = recover(ask(OPEN, HYBRID))
    assert recursion.layer("layer2").deficiency > 0 and recursion.step.iteration == 4
    assert 4 < found.step.iteration <= 4 + 10 and len(found.layers) == 4
    before, after = (max(r.attack.residual(r.state).values()) for r in (recursion, found))
    assert after < before / 2 and found.psnr[0] > recursion.psnr[0]


def test_nothing_is_matched_where_the_recursion_was_exact():
    found = recover(ask(drawn(conv(16, 5, stride=2), conv(24)), HYBRID))
    assert found.psnr[0] > 100 and found.step.iteration == 3


def test_the_left_null_space_of_a_convolution():
    op, shape = Conv(2, 9, 3, 1, 1, False), (2, 5, 5)
    matrix = weight_matrix(op, np.random.default_rng(0).normal(size=(9, 2, 3, 3)), shape, op.shape(shape))
    null = virtual.left_null(matrix)
    assert null.shape == (225, 225 - 50)
    np.testing.assert_allclose(matrix.T @ null, 0, atol=1e-9)
    np.testing.assert_allclose(null.T @ null, np.eye(175), atol=1e-9)
    assert virtual.left_null(matrix.T.tocsr()) is None


def test_closing_finds_the_true_values_from_enough_constraints_only():
    rng = np.random.default_rng(1)
    matrix, act = rng.normal(size=(30, 12)), Act("leaky_relu", 0.2)
    bias, free = rng.normal(size=30), np.linalg.qr(rng.normal(size=(30, 6)))[0]
    z = matrix @ rng.normal(size=12) + bias
    x = np.where(z < 0, 0.2 * z, z)
    null = np.linalg.svd(matrix)[0][:, 12:]
    closed = virtual.close(x - free @ (free.T @ x), free, act, bias, null)
    np.testing.assert_allclose(closed.x, x, atol=1e-5)
    assert closed.certified and closed.constraints == 18
    assert virtual.close(x, free, act, bias, null[:, :5]) is None
    noisy = virtual.close(x + 0.1 * rng.normal(size=30), free, act, bias, null)
    assert not noisy.certified


def test_least_variation_stays_among_what_fits_and_is_smoother():
    rng = np.random.default_rng(2)
    shape = (1, 8, 8)
    flat = np.zeros(shape)
    flat[0, 2:6, 2:6] = 1.0
    free = np.linalg.qr(rng.normal(size=(64, 20)))[0]
    given = flat.ravel() + free @ rng.normal(size=20)
    found = smooth.least_variation(given, free, shape, (1.0,), 30)
    seen = np.eye(64) - free @ free.T
    np.testing.assert_allclose(seen @ found, seen @ flat.ravel(), atol=1e-8)
    assert np.abs(found - flat.ravel()).max() < 0.05
