"""L-BFGS against torch's, Lanczos against a dense solution, products with a Jacobian against the matrix."""

from __future__ import annotations

import pytest
import torch

from gi_core.networks.losses import as_target, cross_entropy
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.numerics.lbfgs import Lbfgs
from tests.victims import PLAN, experiment, play


@pytest.mark.parametrize("history", [4, 100])
def test_lbfgs_equals_torch_for_each_problem(history):
    def value(z):
        return (5 * (z[:, 1:] - z[:, :-1] ** 2) ** 2).sum(1) + ((1 - z[:, :-1]) ** 2).sum(1)

    def evaluate(z, _):
        leaf = z.detach().requires_grad_(True)
        v = value(leaf)
        return v.detach(), torch.autograd.grad(v.sum(), leaf)[0]

    starts = torch.randn(3, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.3
    ours = Lbfgs(lr=0.1, history=history)
    points = starts.clone()
    state = ours.init(points)
    for _ in range(4):
        ours.step(state, points, torch.arange(3), evaluate)
    for trial in range(3):
        z = starts[trial : trial + 1].clone().requires_grad_(True)
        theirs = torch.optim.LBFGS([z], lr=0.1, max_iter=20, history_size=history)

        def closure(z=z, theirs=theirs):
            theirs.zero_grad()
            loss = value(z).sum()
            loss.backward()
            return loss

        for _ in range(4):
            theirs.step(closure)
        torch.testing.assert_close(points[trial], z.detach()[0], rtol=1e-8, atol=1e-8)


def test_lanczos_solves_every_shift():
    draws = torch.Generator().manual_seed(3)
    root = torch.randn(30, 30, dtype=torch.float64, generator=draws)
    a, b = root @ root.T, torch.randn(30, dtype=torch.float64, generator=draws)
    solver = ShiftedSolver(lambda v: a @ v, b, 30, lambda top: 1e-9 * top, eta=1e-12)
    for shift in (1e-3, 1.0, 100.0):
        expected = torch.linalg.solve(a + shift * torch.eye(30, dtype=torch.float64), b)
        torch.testing.assert_close(solver.solve(shift), expected, rtol=1e-6, atol=1e-8)
    assert solver.largest == pytest.approx(float(torch.linalg.eigvalsh(a)[-1]), rel=1e-8)


def test_jacobian_products_agree_with_the_explicit_jacobian():
    update, knowledge, pictures = play(experiment(size=6))
    gradient = GradientMap(knowledge, cross_entropy, PLAN, torch.float64, torch.device("cpu"))
    x = pictures.double()
    target = as_target(torch.tensor([0]), knowledge.classes, x)
    products = JacobianProducts(gradient, x, target)
    explicit = torch.autograd.functional.jacobian(
        lambda v: torch.cat([g.reshape(-1) for g in gradient(v[None], target[None])]), x
    )
    explicit = explicit.reshape(explicit.shape[0], -1)
    draws = torch.Generator().manual_seed(0)
    v = torch.randn(x.numel(), dtype=torch.float64, generator=draws)
    b = [torch.randn(t.shape, dtype=torch.float64, generator=draws) for t in update.tensors.values()]
    torch.testing.assert_close(torch.cat([p.reshape(-1) for p in products.jt(v)]), explicit @ v)
    torch.testing.assert_close(products.j(b), explicit.T @ torch.cat([p.reshape(-1) for p in b]))
    torch.testing.assert_close(products.jjt(v), explicit.T @ (explicit @ v))
