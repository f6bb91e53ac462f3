"""The residual of a second-order matching under a belief, against finite differences."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core.attacks.second_order.residuals import BelievedResidual, Residual
from tests.attacks.test_adaptive_objectives import SIZES, partly_known


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
    g, target, belief = partly_known(0.4, slack=0.3)
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
    _, target, belief = partly_known(0.0)
    parts = list(target.split(SIZES))
    assert BelievedResidual(parts, replace(belief, rescaled=True), None).at([2 * p for p in parts]).squared < 1e-24
    assert Residual(parts).at([2 * p for p in parts]).squared > 1
