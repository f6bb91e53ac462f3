"""Distances of gradients and their slopes against the definitions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_core.attacks import objectives

SIZES = [6, 10, 4]


def _problem(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(3, 20, dtype=torch.float64, generator=draws), torch.randn(
        20, dtype=torch.float64, generator=draws
    )


def _by_definition(name: str, g: torch.Tensor, t: torch.Tensor, w: list[float]) -> torch.Tensor:
    parts = list(zip(g.split(SIZES, 1), t.split(SIZES), w, strict=True))
    if name == "l2":
        return sum(k * ((a - b) ** 2).sum(1) for a, b, k in parts)
    if name == "l1":
        return sum(k * (a - b).abs().sum(1) for a, b, k in parts)
    if name == "max":
        return sum(k * (a - b).abs().amax(1) for a, b, k in parts)
    if name == "cosine":
        dot, a2, b2 = (
            sum(k * f(a, b) for a, b, k in parts)
            for f in (lambda a, b: a @ b, lambda a, b: (a * a).sum(1), lambda a, b: (b * b).sum())
        )
        return 1 - dot / (a2.sqrt() * b2.sqrt())
    return sum(1 - k * (a @ b) / (a.norm(dim=1) * b.norm()) for a, b, k in parts)


@pytest.mark.parametrize("name", ["l2", "l1", "max", "cosine", "cosine_local"])
@pytest.mark.parametrize("weighting", ["equal", "linear", "exponential"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_objectives_equal_their_definition_and_its_derivative(name, weighting, seed):
    g, target = _problem(seed)
    weights = objectives.depth_weights(weighting, [0, 1, 2], 3)
    value, cotangent = objectives.make(name, target.split(SIZES), weights)(g.split(SIZES, 1))
    cotangent = torch.cat(cotangent, 1)
    leaf = g.clone().requires_grad_(True)
    expected = _by_definition(name, leaf, target, weights)
    (derivative,) = torch.autograd.grad(expected.sum(), leaf)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(cotangent, derivative)
