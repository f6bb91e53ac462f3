"""Total variation, smooth priors and the median filter against their definitions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_core.attacks.priors import SmoothPrior, add_rounded_variation, add_total_variation, median_filter


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_total_variation_and_its_gradient(count, height, width, seed):
    x = torch.randn(count, 2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    gradient = torch.ones_like(x)
    value = add_total_variation(x, 0.5, gradient)
    leaf = x.clone().requires_grad_(True)
    terms = [leaf.diff(dim=a).abs().flatten(1) for a in (-1, -2) if x.shape[a] > 1]
    expected = sum(t.mean(1) for t in terms) if terms else torch.zeros(count, dtype=torch.float64)
    torch.testing.assert_close(value, expected.detach() if terms else expected)
    if terms:
        torch.testing.assert_close(gradient, 1 + 0.5 * torch.autograd.grad(expected.sum(), leaf)[0])


def test_rounded_variation_and_its_gradient():
    x = torch.randn(2, 1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradient = torch.ones_like(x)
    value = add_rounded_variation(x, 0.5, gradient)
    leaf = x.clone().requires_grad_(True)
    expected = sum((leaf.diff(dim=a) ** 2 + 1e-4).sqrt().flatten(1).mean(1) for a in (-1, -2))
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(gradient, 1 + 0.5 * torch.autograd.grad(expected.sum(), leaf)[0])


def test_smooth_prior_gradient_is_the_derivative():
    prior = SmoothPrior(0.3, 0.2)
    draws = torch.Generator().manual_seed(0)
    x, origin = (torch.rand(1, 1, 4, 5, dtype=torch.float64, generator=draws) for _ in range(2))
    gradient = prior.gradient(x, origin)
    for index in ((0, 0, 1, 2), (0, 0, 3, 4)):
        up, down = x.clone(), x.clone()
        up[index] += 1e-6
        down[index] -= 1e-6
        slope = (prior.value(up, origin) - prior.value(down, origin)) / 2e-6
        assert float(gradient[index]) == pytest.approx(slope, rel=1e-5)


def test_median_filter_removes_a_lone_pixel():
    x = torch.zeros(1, 1, 1, 5, 5)
    x[..., 2, 2] = 1
    assert median_filter(x).abs().max() == 0
