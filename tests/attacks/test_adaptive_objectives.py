"""Objectives, residuals and priors under a belief, against their formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core.attacks import objectives
from gi_core.attacks.adaptive import consistent, noise
from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.attacks.priors import add_rounded_variation
from gi_core.attacks.recursion.masked import complete
from gi_core.attacks.second_order.residuals import BelievedResidual, Residual

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


def _free(share: float, seed: int = 0, slack: float = INF) -> tuple[torch.Tensor, torch.Tensor, Belief]:
    draws = torch.Generator().manual_seed(seed)
    g, target = (torch.randn(n, 20, dtype=torch.float64, generator=draws) for n in (3, 1))
    free = torch.rand(20, generator=draws) < share
    target = torch.where(free, 0.0, target[0])
    low, high = torch.where(free, -slack, target), torch.where(free, slack, target)
    parts = [list(t.split(SIZES)) for t in (low, high, torch.zeros_like(low))]
    return g, target, Belief(*parts)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_without_anything_to_believe_objectives_are_the_plain_ones(name):
    g, target, belief = _free(0.0)
    weights = [1.0, 0.5, 0.25]
    for found, expected in zip(
        believed(name, target, SIZES, weights, belief)(g), plain(name, target, SIZES, weights)(g), strict=True
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_mask_leaves_out_what_was_not_kept(name):
    g, target, belief = _free(0.4)
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
    g, target, belief = _free(0.4, slack=0.3)
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
    _, target, belief = _free(0.0)
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
    g, target, belief = _free(0.0)
    spread = [torch.full((n,), s, dtype=torch.float64) for n, s in zip(SIZES, (1.0, 2.0, 4.0), strict=True)]
    belief = replace(belief, spread=spread)
    sigma, w = belief.noise()
    assert sigma**2 == pytest.approx((6 * 1 + 10 * 4 + 4 * 16) / 20)
    value, slope = believed("l2", target, SIZES, [1.0] * 3, belief)(g)
    torch.testing.assert_close(value, (w * (g - target) ** 2).sum(1))
    torch.testing.assert_close(slope, 2 * w * (g - target))
    torch.testing.assert_close(w, sigma**2 / torch.cat(spread) ** 2)


# the second-order residual


class _Explicit:
    """A Jacobian J^T (P, d) with the products of `JacobianProducts`."""

    def __init__(self, jt: torch.Tensor):
        self.matrix = jt

    def jt(self, v):
        return list((self.matrix @ v).split(SIZES))

    def j(self, parts):
        return self.matrix.T @ torch.cat(parts)

    def jjt(self, v):
        return self.j(self.jt(v))


@pytest.mark.parametrize("rescaled", [False, True])
def test_the_second_order_residual_has_the_slope_and_the_normal_matrix_of_its_squares(rescaled):
    g, target, belief = _free(0.4, slack=0.3)
    belief = replace(belief, rescaled=rescaled)
    value = 2 * target + 0.1 * g[0]
    w = torch.linspace(0.5, 2.0, 20, dtype=torch.float64)
    residual = BelievedResidual(list(target.split(SIZES)), belief, w)
    local = _Explicit(torch.randn(20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4)))

    def stacked(v):
        return torch.cat(residual.at(list(v.split(SIZES))).parts)

    here = residual.at(list(value.split(SIZES)))
    assert here.squared == pytest.approx(float((stacked(value) ** 2).sum()))
    columns = []
    for k in range(5):
        step = 1e-6 * local.matrix[:, k]
        columns.append((stacked(value + step) - stacked(value - step)) / 2e-6)
        expected = float((stacked(value + step) ** 2).sum() - (stacked(value - step) ** 2).sum()) / 4e-6
        if not rescaled:  # exact but for values that were not kept, which shorten nothing
            assert float(local.j(here.slope)[k]) == pytest.approx(expected, rel=1e-4, abs=1e-8)
    v = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    if not rescaled:
        jacobian = torch.stack(columns, 1)
        torch.testing.assert_close(here.normal(local, v), jacobian.T @ (jacobian @ v), rtol=1e-4, atol=1e-6)
    assert float(v @ here.normal(local, v)) > 0


def test_a_fitted_factor_makes_the_residual_of_a_multiple_zero():
    _, target, belief = _free(0.0)
    parts = list(target.split(SIZES))
    assert BelievedResidual(parts, replace(belief, rescaled=True), None).at([2 * p for p in parts]).squared < 1e-24
    assert Residual(parts).at([2 * p for p in parts]).squared > 1


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


def test_rounded_variation_and_its_gradient():
    x = torch.randn(2, 1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradient = torch.ones_like(x)
    value = add_rounded_variation(x, 0.5, gradient)
    leaf = x.clone().requires_grad_(True)
    expected = sum((leaf.diff(dim=a) ** 2 + 1e-4).sqrt().flatten(1).mean(1) for a in (-1, -2))
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(gradient, 1 + 0.5 * torch.autograd.grad(expected.sum(), leaf)[0])


@pytest.mark.parametrize("keep", [0.5, 0.2])
def test_a_dense_gradient_is_completed_from_what_was_kept(keep):
    draws = torch.Generator().manual_seed(1)
    k, x = torch.randn(10, generator=draws).double(), torch.rand(200, generator=draws).double()
    whole, kept = torch.outer(k, x), torch.rand(10, 200, generator=draws) < keep
    done, shown = complete(whole * kept, kept), kept.any(0)
    torch.testing.assert_close(done[:, shown], whole[:, shown], rtol=1e-8, atol=1e-10)
    assert not done[:, ~shown].any()
