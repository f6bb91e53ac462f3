"""The parts of residual recovery, each against a formula or torch: top mask, equations, masks, shallow layers, depth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.residual import equations, finish, forwards, masks, shallow, top
from gi_core.attacks.recursion.residual.annealing import StemSearch
from gi_core.attacks.recursion.residual.own_gradient import settle
from gi_core.settings.chain import Affine, chain
from gi_core.settings.drawings import drawing
from gi_core.settings.graph import Act, Conv, MaxPool
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


def test_a_filters_own_gradient_settles_its_doubtful_units():
    draw, op = RNG(7), Conv(5, 6, 3, 1, 1, False)
    true, back = draw.random((6, 7, 7)) < 0.5, draw.standard_normal((6, 7, 7))
    x = np.maximum(draw.standard_normal((5, 7, 7)), 0)
    doubtful = draw.random(true.shape) < 0.1
    mask = masks.Mask(true ^ doubtful, doubtful, np.ones(true.shape))
    np.testing.assert_array_equal(settle(op, weight_gradient(op, x, true * back), mask, back, x), true)


@pytest.fixture
def stem():
    """A small max-pooled stem with a picture: (Stem, pooled, active, back, picture, z)."""
    draw, op, pool = torch.Generator().manual_seed(8), Conv(3, 12, 5, 2, 2, False), MaxPool(3, 2, 1)
    x = torch.rand((3, 16, 16), generator=draw, dtype=torch.float64)
    weight = torch.randn((12, 3, 5, 5), generator=draw, dtype=torch.float64).requires_grad_(True)
    bias = torch.randn(12, generator=draw, dtype=torch.float64)
    z = F.conv2d(x[None], weight, bias, 2, 2)
    pooled = F.max_pool2d(torch.relu(z), 3, 2, 1)[0]
    back = torch.randn(pooled.shape, generator=draw, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((pooled * back).sum(), weight)
    layer = Affine("conv1", op, (3, 16, 16), (12, 8, 8), (3, 16, 16), None, Act("relu"))
    numbers = Numbers(weight.detach().numpy(), bias.numpy(), gradient.numpy(), None, np.ones(12, bool))
    seen = shallow.windows(pool, (12, 8, 8), (12, 4, 4))
    made = shallow.Stem(layer, numbers, seen, np.full(12, 2.0), (0.2, 0.3, 0.2), torch.float64)
    flat = [t.detach().reshape(12, -1) for t in (pooled / 2.0, pooled > 0, back)]
    return made, *flat, x, z.detach()[0]


def test_the_softened_stem_is_the_stem_at_temperature_zero(stem):
    made, pooled, active, back, x, z = stem
    maps = made.maps(made.patches(x))
    torch.testing.assert_close(maps * 2.0, z.reshape(12, -1))
    held = made.in_windows(maps)
    torch.testing.assert_close(torch.relu(made.soft(held, made.weights(held, 0.0))), pooled)
    torch.testing.assert_close(made.soft(held, made.weights(held, 1e-4)), held.amax(2))
    assert (maps <= made.bound(torch.where(active, pooled, held.amax(2))) + 1e-12).all()


def test_the_true_picture_explains_the_stem_and_its_gradient(stem):
    made, pooled, active, back, x, _ = stem
    search = StemSearch(made, pooled, active, back)
    assert search.misfit(x) < 1e-14 and float(search.objective(0.0)(x)) < 1e-20
    assert search.misfit(torch.zeros_like(x)) > 0.1


def test_the_finish_is_exact_from_a_picture_whose_winners_are_right(stem):
    made, pooled, active, back, x, _ = stem
    near = x + 1e-4 * torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    found = near
    for _ in range(4):
        found = finish.improve(made, pooled, active, back, found)
    off = (found - x).abs()
    assert float(off.median()) < 1e-3 * float((near - x).abs().median())  # corners are seen by few windows
    assert finish.misfit(made, pooled, active, found) < 1e-3 * finish.misfit(made, pooled, active, near)


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
