"""Objectives and priors under a belief, against their formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core.attacks import objectives
from gi_core.attacks.adaptive import consistent, noise
from gi_core.attacks.adaptive.beliefs import Belief

INF = float("inf")
SIZES = [6, 10, 4]
OBJECTIVES = ("l2", "l1", "relative", "max", "cosine", "cosine_local")


def flat(made, sizes):
    """An objective over tensors as one over flat gradients."""

    def evaluate(g):
        value, slopes = made(list(g.split(sizes, 1)))
        return value, torch.cat(slopes, 1)

    return evaluate


def plain(name, target, sizes, weights):
    return flat(objectives.make(name, target.split(sizes), weights), sizes)


def believed(name, target, sizes, weights, belief):
    return flat(consistent.make(name, target.split(sizes), weights, belief), sizes)


def partly_known(share: float, seed: int = 0, slack: float = INF) -> tuple[torch.Tensor, torch.Tensor, Belief]:
    draws = torch.Generator().manual_seed(seed)
    g, target = (torch.randn(n, 20, dtype=torch.float64, generator=draws) for n in (3, 1))
    free = torch.rand(20, generator=draws) < share
    target = torch.where(free, 0.0, target[0])
    low, high = torch.where(free, -slack, target), torch.where(free, slack, target)
    parts = [list(t.split(SIZES)) for t in (low, high, torch.zeros_like(low))]
    return g, target, Belief(*parts)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_without_anything_to_believe_objectives_are_the_plain_ones(name):
    g, target, belief = partly_known(0.0)
    weights = [1.0, 0.5, 0.25]
    for found, expected in zip(
        believed(name, target, SIZES, weights, belief)(g), plain(name, target, SIZES, weights)(g), strict=True
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_mask_leaves_out_what_was_not_kept(name):
    g, target, belief = partly_known(0.4)
    free = torch.cat([t.flatten() for t in belief.low]) == -INF
    kept = ~free
    sizes = [int(part.sum()) for part in kept.split(SIZES)]
    value, slope = believed(name, target, SIZES, [1.0] * 3, belief)(g)
    expected, over = plain(name, target[kept], sizes, [1.0] * 3)(g[:, kept])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope[:, kept], over)
    assert not slope[:, free].any()


@pytest.mark.parametrize("name", ["l2", "l1", "relative"])
@pytest.mark.parametrize("rescaled", [False, True])
def test_the_slope_is_the_derivative_of_the_distance_to_the_box(name, rescaled):
    g, target, belief = partly_known(0.4, slack=0.3)
    objective = believed(name, target, SIZES, [1.0] * 3, replace(belief, rescaled=rescaled))
    g = 2 * g + target if rescaled else g
    value, slope = objective(g)
    for i in range(20):
        step = torch.zeros(20, dtype=torch.float64)
        step[i] = 1e-6
        torch.testing.assert_close(
            (objective(g + step)[0] - objective(g - step)[0]) / 2e-6, slope[:, i], rtol=1e-5, atol=1e-7
        )
    if not rescaled:
        low, high = belief.flat()
        apart = g - torch.clamp(g, low, high)
        expected = {"l2": (apart**2).sum(1), "l1": apart.abs().sum(1), "relative": apart.norm(dim=1) / target.norm()}[
            name
        ]
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("name", ["l2", "l1", "relative", "max"])
def test_any_larger_multiple_of_a_clipped_gradient_agrees(name):
    _, target, belief = partly_known(0.0)
    value, slope = believed(name, target, SIZES, [1.0] * 3, replace(belief, rescaled=True))(3 * target[None])
    torch.testing.assert_close(value, torch.zeros_like(value), atol=1e-12, rtol=0)
    smaller, _ = believed(name, target, SIZES, [1.0] * 3, replace(belief, rescaled=True))(0.5 * target[None])
    assert float(smaller) > 0.05, "clipping never makes an update longer"


def test_signs_that_agree_cost_nothing_and_their_sizes_do_not_matter():
    target = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    low, high = torch.where(target > 0, 0.0, -INF), torch.where(target > 0, INF, 0.0)
    belief = Belief([low], [high], [torch.zeros_like(target)])
    g = torch.tensor([[3.0, -0.1, 2.0, -5.0], [3.0, 4.0, 2.0, -5.0]], dtype=torch.float64)
    value, _ = believed("cosine", target, [4], [1.0], belief)(g)
    assert float(value[0]) == pytest.approx(0, abs=1e-12)
    assert float(value[1]) == pytest.approx(1 - (9 + 4 + 25) ** 0.5 / (9 + 16 + 4 + 25) ** 0.5)


def test_each_value_counts_by_its_own_noise():
    g, target, belief = partly_known(0.0)
    spread = [torch.full((n,), s, dtype=torch.float64) for n, s in zip(SIZES, (1.0, 2.0, 4.0), strict=True)]
    belief = replace(belief, spread=spread)
    sigma, w = belief.noise()
    assert sigma**2 == pytest.approx((6 * 1 + 10 * 4 + 4 * 16) / 20)
    value, slope = believed("l2", target, SIZES, [1.0] * 3, belief)(g)
    torch.testing.assert_close(value, (w * (g - target) ** 2).sum(1))
    torch.testing.assert_close(slope, 2 * w * (g - target))
    torch.testing.assert_close(w, sigma**2 / torch.cat(spread) ** 2)


# the noise


def test_the_likeliest_picture_of_one_pixel_is_the_weighted_mean():
    sigma, a, seen = 0.3, 2.0, 1.7  # seen = a x + n
    prior = noise.map_prior(sigma, (1.0,), 0.0, 0.0)
    best = (a * seen + sigma**2 / noise.VARIANCE * 0.5) / (a**2 + sigma**2 / noise.VARIANCE)

    def cost(x):
        at = torch.full((1, 1, 1, 1), x, dtype=torch.float64)
        return 0.5 * (a * x - seen) ** 2 + prior.value(at, torch.full_like(at, 0.5))

    assert all(cost(best) < cost(best + step) for step in (-1e-3, 1e-3, -0.1, 0.1))


def test_the_variation_weight_makes_an_objective_the_likelihood_times_a_constant():
    sigma, size, values, picture = 0.01, 30.0, 50_000, 625
    draws = torch.Generator().manual_seed(0)
    target = torch.randn(1, values, dtype=torch.float64, generator=draws)
    target *= size / target.norm()
    off = sigma * torch.randn(1, values, dtype=torch.float64, generator=draws)
    push = torch.randn(1, values, dtype=torch.float64, generator=draws) * sigma * 0.3
    push -= (push * target).sum() / size**2 * target  # a cosine does not see the length
    likelihood = float(((off + push) ** 2).sum() - (off**2).sum()) / (2 * sigma**2)
    for name in ("l2", "cosine", "relative", "l1"):
        objective = plain(name, target[0], [values], [1.0])
        rise = float(objective(target + off + push)[0] - objective(target + off)[0])
        weight = noise.variation_weight(name, sigma, size, values, picture, 1.0)
        assert rise / likelihood == pytest.approx(weight * noise.DIFFERENCE / picture, rel=0.15), name
    assert noise.variation_weight("max", sigma, size, values, picture, 1.0) is None
