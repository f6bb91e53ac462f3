"""No claim of uniqueness is wrong, and planted twins are found: some of `benchmarks.uniqueness`, which has all."""

from __future__ import annotations

import pytest
import torch

from benchmarks import uniqueness
from gi_core.analysis import radius
from gi_core.analysis.uniqueness import alone_within, look
from gi_core.numerics.generators import generator
from gi_core.numerics.rounding import ROUNDED


@pytest.mark.parametrize("number", range(4))
def test_a_network_that_is_blind_by_its_build_has_its_directions_counted_and_a_twin(number):
    found = uniqueness.counted(uniqueness.planted(number))
    assert found["found"] and found["apart"] > 0.1 and found["misfit"] < 1e-7


def test_no_small_network_is_called_unique_where_a_search_ends_elsewhere():
    said = [uniqueness.wrong(uniqueness.claim(number)) for number in range(6)]
    assert 0 < sum(called for called, _ in said) < 6
    assert not any(wrong for _, wrong in said)


def test_the_search_does_end_elsewhere_where_a_network_is_blind():
    assert uniqueness.elsewhere(uniqueness.planted(1), starts=2) > 0.01


@pytest.mark.parametrize("number", [0, 1, 7, 23, 25])
def test_within_the_radius_no_picture_leaves_as_little_as_the_answer(number):
    case = uniqueness.claim(number)
    near = alone_within(case.knowledge, case.x, case.labels, case.examined(), 2 * ROUNDED, case.seen).radius
    assert near is not None and near > 1e-3
    shown, draws = look(case.knowledge, case.x, case.labels, case.seen), generator(number, 6)
    for share in torch.linspace(0.02, 0.98, 12):
        away = torch.randn(case.x.shape, generator=draws, dtype=torch.float64)
        away = away / away.square().mean().sqrt() * near * share
        left = sum(float(p.square().sum()) for p in shown.there(case.x + away).beside(shown.value)) ** 0.5
        assert left > 2 * ROUNDED * shown.norm


def test_a_bend_makes_the_radius_of_a_known_map():
    """s r - L r^2 / 2 = e: without a misfit the radius is 2 s / L, and too large a misfit leaves none."""
    assert radius._roots(0.5, 2.0, 0.0) == pytest.approx((0.0, 0.5)) and radius._roots(0.5, 2.0, 1.0) is None
    assert not radius.smooth(torch.nn.Sequential(torch.nn.ReLU())) and radius.smooth(
        torch.nn.Sequential(torch.nn.Tanh())
    )
