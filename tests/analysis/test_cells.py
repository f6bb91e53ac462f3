"""The cell of a piecewise linear network: no unit switches inside of it, one does at its edge, and no other picture explains the update."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks import uniqueness
from gi_core.analysis import cells
from gi_core.analysis.uniqueness import alone_within, look
from gi_core.common.errors import SpecError
from gi_core.numerics.generators import generator
from gi_core.numerics.rounding import ROUNDED


def network(last: nn.Module, side: int = 4) -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 3, 2, padding=1), nn.LeakyReLU(0.2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(3 * (side // 2 + side % 2) ** 2, 5), last, nn.Linear(5, 3),
    ).double()  # fmt: skip


def switched(model: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    first = model[0](x)
    return torch.cat([(first > 0).reshape(-1), (model[:5](x) > 0).reshape(-1), (model[:5](x) > 6).reshape(-1)])


@pytest.mark.parametrize("last", [nn.ReLU(), nn.ReLU6()])
def test_no_unit_switches_inside_and_one_does_at_the_edge(last):
    model, x = network(last), torch.rand(2, 1, 4, 4, dtype=torch.float64, generator=generator(0, 1))
    edge = cells.distance(model, x, torch.ones(32))
    draws, inside, beyond = generator(0, 2), switched(model, x), 0
    for _ in range(200):
        way = torch.randn(x.shape, generator=draws, dtype=torch.float64)
        way = way / way.norm()
        assert torch.equal(switched(model, x + 0.999 * edge * way), inside)
        beyond += not torch.equal(switched(model, x + 30 * edge * way), inside)
    assert beyond > 100
    z = model[0](x.requires_grad_(True)).reshape(-1)
    slopes = torch.stack([torch.autograd.grad(one, x, retain_graph=True)[0].reshape(-1).norm() for one in z])
    assert edge <= float((z.detach().abs() / slopes).min()) + 1e-12, (
        "the first layer's units are among those that count"
    )
    assert cells.distance(model, x, 2 * torch.ones(32)) == pytest.approx(edge / 2), (
        "half as many pixels at twice the unit"
    )


@pytest.mark.parametrize("number", [2, 9])
def test_inside_the_cell_of_an_answer_no_picture_leaves_as_little(number):
    case = uniqueness.claim(number)
    near = alone_within(case.knowledge, case.x, case.labels, case.examined(), 2 * ROUNDED, case.seen)
    assert near.cell and near.radius is not None and near.radius > 1e-3
    shown, draws = look(case.knowledge, case.x, case.labels, case.seen), generator(number, 6)
    for share in torch.linspace(0.02, 0.98, 12):
        away = torch.randn(case.x.shape, generator=draws, dtype=torch.float64)
        away = away / away.square().mean().sqrt() * near.radius * share
        left = sum(float(p.square().sum()) for p in shown.there(case.x + away).beside(shown.value)) ** 0.5
        assert left > 2 * ROUNDED * shown.norm


@pytest.mark.parametrize(
    ("layer", "said"), [(nn.MaxPool2d(2), "every pair of a window"), (nn.Tanh(), "Tanh beside kinks is not affine")]
)
def test_what_is_not_piecewise_linear_is_refused_with_the_reason(layer, said):
    with pytest.raises(SpecError, match=said):
        cells.refuse(nn.Sequential(nn.ReLU(), layer))
    with pytest.raises(SpecError, match="between its layers"):
        cells.refuse(nn.ReLU())


def test_batch_norm_is_affine_in_eval_mode_alone():
    normed = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    cells.refuse(normed)
    with pytest.raises(SpecError, match="batch norm in train mode"):
        cells.refuse(normed, "train")
