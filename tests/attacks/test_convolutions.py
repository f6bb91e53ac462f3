"""Convolutions differentiated twice: the same derivatives as torch's, of any stride, padding, dilation and groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from gi_core.networks.losses import as_target, cross_entropy
from gi_core.numerics import convolutions
from gi_core.numerics.convolutions import TwiceDifferentiated, replaced
from gi_core.numerics.gradient import GradientMap, pull
from tests.victims import PLAN, experiment, play


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch):
    monkeypatch.setattr(convolutions, "LEAST", 0)


CASES = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "bias": False},
    {"kernel_size": 5, "stride": 2, "padding": 2},
    {"kernel_size": 1, "stride": 2},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
    {"kernel_size": 3, "padding": 1, "groups": 2},
    {"kernel_size": (3, 1), "padding": "same"},
    {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
]


def _pair(case: dict) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(4, 6, **case), nn.Sigmoid(), nn.Conv2d(6, 2, 3, padding=1)).double()
    torch.manual_seed(0)
    other = nn.Sequential(nn.Conv2d(4, 6, **case), nn.Sigmoid(), nn.Conv2d(6, 2, 3, padding=1)).double()
    assert len(replaced(other)) == 2 and isinstance(other[0], TwiceDifferentiated)
    return plain, other


def _matching_slope(model: nn.Module, x: torch.Tensor, only: list[int]) -> list[torch.Tensor]:
    x = x.clone().requires_grad_(True)
    parameters = list(model.parameters())
    g = torch.autograd.grad(model(x).square().sum(), [parameters[i] for i in only], create_graph=True)
    draws = torch.Generator().manual_seed(1)
    v = [torch.randn(t.shape, dtype=torch.float64, generator=draws) for t in g]
    return [*g, *pull(g, [x], v)]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("only", ["all", "first", "last"])
def test_first_and_second_derivatives_are_those_of_torch(case, only):
    plain, other = _pair(case)
    count = len(list(plain.parameters()))
    chosen = {"all": list(range(count)), "first": [0], "last": [count - 1]}[only]
    x = torch.randn(2, 4, 9, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for found, expected in zip(_matching_slope(other, x, chosen), _matching_slope(plain, x, chosen), strict=True):
        torch.testing.assert_close(found, expected)


def test_weights_that_depend_on_the_pictures_have_second_derivatives_too():
    """After a simulated local step theta_1 = theta_0 - lr g(x)."""
    plain, other = _pair(CASES[0])
    x = torch.randn(1, 4, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    slopes = []
    for model in (plain, other):
        leaf, theta = x.clone().requires_grad_(True), dict(model.named_parameters())
        for _ in range(3):
            loss = functional_call(model, theta, (leaf,)).square().sum()
            g = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
            theta = {k: p - 0.05 * s for (k, p), s in zip(theta.items(), g, strict=True)}
        slopes.append(pull(g, [leaf], [torch.ones_like(s) for s in g])[0])
    torch.testing.assert_close(slopes[1], slopes[0])


def test_products_with_the_jacobian_go_through_a_third_time():
    plain, other = _pair(CASES[1])
    x = torch.randn(1, 4, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    found = []
    for model in (plain, other):
        leaf = x.clone().requires_grad_(True)
        g = torch.autograd.grad(model(leaf).square().sum(), list(model.parameters()), create_graph=True)
        dummies = [torch.zeros_like(t, requires_grad=True) for t in g]
        (pulled,) = pull(g, [leaf], dummies, create_graph=True)
        found.append(pull([pulled], dummies, [torch.ones_like(x)], retain_graph=True, materialize_grads=True))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("model", [{"kind": "lenet", "width": 3}, {"kind": "resnet20", "width": 4}])
def test_one_trial_and_several_have_the_same_gradients(model):
    update, knowledge, pictures = play(experiment(model=model))
    gradient = GradientMap(knowledge, cross_entropy, PLAN, torch.float64, torch.device("cpu"))
    assert gradient.convolutions and not replaced(gradient.model), "every convolution is one of these"
    x = pictures.double()[None]
    target = as_target(torch.tensor([0]), knowledge.classes, x[0])[None]
    alone = gradient(x, target)
    together = gradient(x.repeat(2, 1, 1, 1, 1), target.repeat(2, 1, 1))
    for a, b in zip(alone, together, strict=True):
        torch.testing.assert_close(a[0], b[1])
    assert not any(isinstance(m, TwiceDifferentiated) for m in knowledge.model.modules()), (
        "the server's own is untouched"
    )
