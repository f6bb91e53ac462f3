"""Counts of labels from estimates, and the fit that judges them."""

from __future__ import annotations

import torch

from gi_core.attacks.labels import fit
from gi_core.attacks.labels.last_layer import counted, listed


def test_counting_is_by_largest_remainder_and_keeps_what_is_sure():
    assert counted(torch.tensor([2.6, 0.3, 1.1]), 4).tolist() == [3, 0, 1]
    assert counted(torch.tensor([2.6, 0.3, 1.1]), 4, torch.tensor([0, 1, 0])).tolist() == [2, 1, 1]
    assert counted(torch.tensor([1.9, 0.1]), 2, torch.tensor([2, 2])).tolist() == [2, 0]  # more than there are
    assert listed(torch.tensor([0, 2, 1])).tolist() == [1, 1, 2]


def test_the_fit_has_the_slopes_of_its_rest_and_vanishes_at_the_truth():
    draws = torch.Generator().manual_seed(0)
    weight, bias, features = (torch.randn(s, generator=draws, dtype=torch.float64) for s in ((6, 5), (6,), (3, 5)))
    labels = torch.tensor([0, 2, 5])
    pull = torch.softmax(features @ weight.T + bias, -1)
    pull = (pull - torch.eye(6, dtype=torch.float64)[labels]) / 3
    layer = fit.LastLayer(weight, bias, pull.T @ features, pull.sum(0), True)
    centre = features.mean(0)
    rest = fit.residual(layer, labels, centre, features)
    assert float(rest[: -features.numel()].norm()) < 1e-12
    numeric = torch.autograd.functional.jacobian(lambda f: fit.residual(layer, labels, centre, f), features)
    torch.testing.assert_close(fit.residual_jacobian(layer, labels, centre, features), numeric.flatten(1))
    assert fit.misfit(layer, labels, centre) < fit.misfit(layer, torch.tensor([1, 2, 5]), centre)
