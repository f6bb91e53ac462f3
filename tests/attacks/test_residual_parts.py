"""The parts of residual recovery, each against a formula or torch: top mask, equations, masks, depth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.residual import equations, forwards, masks, nonnegative, top
from gi_core.attacks.recursion.residual.own_gradient import settle
from gi_core.settings.chain import Affine, chain
from gi_core.settings.drawings import drawing
from gi_core.settings.graph import Conv
from gi_core.settings.registry import MODELS
from gi_core.settings.residual_chain import depth, exact_blocks, parse, refusal

RNG = np.random.default_rng


def weight_gradient(op: Conv, x: np.ndarray, k: np.ndarray) -> np.ndarray:
    shape = (op.channels, op.channels_in, op.kernel, op.kernel)
    found = torch.nn.grad.conv2d_weight(
        torch.from_numpy(x)[None], shape, torch.from_numpy(k)[None], op.stride, op.padding
    )
    return found.numpy()


@pytest.mark.parametrize("side", [(1, 1), (2, 2), (3, 2), (4, 4)])
def test_the_top_mask_is_found_with_its_order(side):
    """F3: M binary (C, P) from R = M A alone, for P of 1 to 16."""
    draw, op = RNG(1), Conv(24, 48, 3, 1, 1, False)
    active = draw.random((48, *side)) < 0.6
    means = draw.standard_normal(48)
    a = np.maximum(draw.standard_normal((24, *side)), 0)
    gradient = weight_gradient(op, a, active * means[:, None, None])
    found = top.mask(op, gradient, means, means * active.sum((1, 2)), side)
    np.testing.assert_array_equal(found, active)


def test_a_noised_top_is_refused_in_a_sentence():
    draw, op = RNG(2), Conv(24, 48, 3, 1, 1, False)
    active, means = draw.random((48, 3, 3)) < 0.6, draw.standard_normal(48)
    gradient = weight_gradient(op, np.abs(draw.standard_normal((24, 3, 3))), active * means[:, None, None])
    gradient += draw.standard_normal(gradient.shape)
    with pytest.raises(Refused, match="cannot be told from this update"):
        top.mask(op, gradient, means, means * active.sum((1, 2)), (3, 3))


def test_a_top_of_as_many_positions_as_channels_is_too_large():
    draw, op = RNG(2), Conv(12, 17, 3, 1, 1, False)
    active, means = draw.random((17, 4, 4)) < 0.6, draw.standard_normal(17)
    gradient = weight_gradient(op, np.abs(draw.standard_normal((12, 4, 4))), active * means[:, None, None])
    gradient += 1e-1 * draw.standard_normal(gradient.shape)
    with pytest.raises(Refused, match="choose a smaller size"):
        top.mask(op, gradient, means, means * active.sum((1, 2)), (4, 4))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_layer_is_solved_from_its_gradient_alone(stride):
    draw, op = RNG(3), Conv(6, 16, 3, stride, 1, False)
    x = np.maximum(draw.standard_normal((6, 8, 8)), 0)
    k = draw.standard_normal((16, 8 // stride, 8 // stride)) * 10.0 ** draw.uniform(-1, 0, (16, 1, 1))
    rows = equations.rows(op, k, weight_gradient(op, x, k), x.shape, np.ones(16, bool))
    found = equations.solve([rows], x.shape)
    assert found.short == 0 and found.residual < 1e-13
    np.testing.assert_allclose(found.x, x, atol=1e-12)


def test_short_equations_are_completed_by_the_forward_pass():
    """10 filters of 3 x 3 at stride 2 give 90 equations of 100 values; what is left is in W x where the unit is active."""
    draw, op = RNG(4), Conv(4, 10, 3, 2, 1, False)
    x = np.maximum(draw.standard_normal((4, 10, 10)), 0)
    k, weight = draw.standard_normal((10, 5, 5)), draw.standard_normal((10, 4, 3, 3))
    found = equations.solve([equations.rows(op, k, weight_gradient(op, x, k), x.shape, np.ones(10, bool))], x.shape)
    assert found.short >= 10 and found.free is not None and np.abs(found.x - x).max() > 0.1
    z = F.conv2d(torch.from_numpy(x)[None], torch.from_numpy(weight), None, 2, 1)[0].numpy()
    layer = Affine("conv", op, x.shape, k.shape, x.shape)
    numbers = Numbers(weight, np.zeros(10), weight, None, np.ones(10, bool))
    few = forwards.Seen(layer, numbers, z, np.zeros(z.shape, bool))
    assert forwards.complete(found, [few]) is found
    whole = forwards.complete(found, [forwards.Seen(layer, numbers, z, np.ones(z.shape, bool))])
    np.testing.assert_allclose(whole.x, x, atol=1e-6)
    assert whole.short == 0


def short_layer(share: float) -> tuple[np.ndarray, equations.Found, equations.Rows]:
    """A layer of 15 filters, 135 equations of 144 values, (x, found, rows): its x >= 0 has so many positive values."""
    draw, op = RNG(5), Conv(3, 15, 3, 1, 1, False)
    x = np.where(draw.random((3, 12, 12)) < share, draw.uniform(0.1, 1, (3, 12, 12)), 0.0)
    k = draw.standard_normal((15, 12, 12))
    rows = equations.rows(op, k, weight_gradient(op, x, k), x.shape, np.ones(15, bool))
    return x, equations.solve([rows], x.shape), rows


def test_signs_complete_short_equations():
    """Half of the values are zero: 72 halfspaces of 9 unseen directions leave one point."""
    x, found, rows = short_layer(0.5)
    assert found.short == 9 and np.abs(found.x - x).max() > 0.1
    whole = nonnegative.fill(found, [rows])
    assert whole.short == 0 and whole.free is None and whole.residual < 1e-12
    np.testing.assert_allclose(whole.x, x, atol=1e-10)


def test_where_signs_do_not_suffice_nothing_is_filled_in():
    """Nineteen of twenty values positive: 7 halfspaces of 9 directions leave many points, and none of them is picked."""
    _, found, rows = short_layer(0.95)
    assert nonnegative.fill(found, [rows]) is found


def test_masks_come_from_the_size_of_rounding():
    draw = RNG(5)
    true = np.where(draw.random((8, 16, 16)) < 0.5, 0.0, draw.uniform(0.01, 1, (8, 16, 16)))
    error = 10.0 ** draw.uniform(-9, -6, true.shape)
    found = masks.classify(true + error * draw.standard_normal(true.shape), error, 1e-9)
    np.testing.assert_array_equal(found.active, true > 0)
    assert not found.doubtful.any()


def test_the_bias_gradient_mends_a_wrong_unit_and_counts_what_it_cannot():
    draw = RNG(6)
    true, back = draw.random((4, 6, 6)) < 0.5, draw.standard_normal((4, 6, 6))
    size = np.where(true, 1e4, 0.1)
    wrong, doubtful = true.copy(), np.zeros_like(true)
    wrong[0, 2, 3] ^= True
    doubtful[0, 2, 3] = True
    size[0, 2, 3] = 20.0
    wrong[1] ^= draw.random((6, 6)) < 0.5  # beyond repair
    found = masks.check_sums(masks.Mask(wrong, doubtful, size), back, (true * back).sum((1, 2)), 1e-9)
    np.testing.assert_array_equal(found.active[[0, 2, 3]], true[[0, 2, 3]])
    assert found.failing == 1 and found.doubtful[0, 2, 3]


def test_of_two_flips_that_fit_a_sum_the_likelier_one_is_taken():
    """A unit 77 times its rounding is active; one within its rounding may be either, and the next layer is to tell."""
    true = np.array([[[True, True, True, False]]])
    size, back = np.array([[[77.0, 1.2, 90.0, -0.5]]]), np.array([[[-1.0, 1.0 + 1e-6, 0.3, 0.7]]])
    mask = masks.Mask(np.array([[[True, False, True, False]]]), np.zeros((1, 1, 4), bool), size)
    found = masks.check_sums(mask, back, (true * back).sum((1, 2)) - 9e-7, 3e-6)
    np.testing.assert_array_equal(found.active, true)
    np.testing.assert_array_equal(found.doubtful, [[[False, True, False, False]]])


def test_a_filters_own_gradient_settles_its_doubtful_units():
    draw, op = RNG(7), Conv(5, 6, 3, 1, 1, False)
    true, back = draw.random((6, 7, 7)) < 0.5, draw.standard_normal((6, 7, 7))
    x = np.maximum(draw.standard_normal((5, 7, 7)), 0)
    doubtful = draw.random(true.shape) < 0.1
    mask = masks.Mask(true ^ doubtful, doubtful, np.ones(true.shape))
    np.testing.assert_array_equal(settle(op, weight_gradient(op, x, true * back), mask, back, x), true)


def blocks_of(kind: str, size: int, **settings):
    return chain(drawing(MODELS[kind](**settings), (3, size, size), 10))


@pytest.mark.parametrize(
    ("size", "exact"), [(32, 8), (64, 8), (96, 8), (112, 6), (140, 6), (160, 5), (224, 5), (264, 5)]
)
def test_how_deep_a_picture_of_a_size_is_determined(size, exact):
    """Layer1 up to 96 pixels and its output up to 143, by the table of equations."""
    net = parse(blocks_of("resnet18", size))
    assert not isinstance(net, str) and exact_blocks(net) == exact
    assert ("every block" in depth(net)) == (exact == 8)


@pytest.mark.parametrize(
    ("blocks", "images", "norm", "words"),
    [
        (blocks_of("resnet50", 64), 1, "eval", "cannot be passed"),
        (blocks_of("resnet18", 64), 2, "eval", "reads one picture"),
        (blocks_of("resnet18", 64), 1, "train", "client.batch_norm=eval"),
        (blocks_of("resnet18", 288), 1, "eval", "choose a smaller size"),
        (blocks_of("lenet", 32), 1, "eval", "choose peeling"),
        (blocks_of("resnet18", 64, norm="group"), 1, "eval", "group norm"),
        (blocks_of("vit", 32), 1, "eval", "mean over positions"),
    ],
)
def test_what_it_cannot_do_is_one_sentence(blocks, images, norm, words):
    assert words in (refusal(blocks, images, norm) or "")


def test_what_it_can_do_is_not_refused():
    for kind in ("resnet18", "resnet34"):
        for stem in ("imagenet", "cifar"):
            assert refusal(blocks_of(kind, 64, stem=stem), 1) is None
