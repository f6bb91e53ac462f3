"""Large answers: what products prove of the directions that do not show, against matrices whose eigenvalues are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gi_core.analysis import bounded
from gi_core.numerics import lowest
from gi_core.numerics.generators import generator


class Planted:
    """A Jacobian V diag(s) (d, d), in place of what a network shows."""

    def __init__(self, values, count=None):
        self.size, self.norm = len(values), 1.0
        self.count = self.size if count is None else count
        self.units = torch.ones(self.size, dtype=torch.float64)
        draw = torch.randn(self.size, self.size, generator=generator(1, 1), dtype=torch.float64)
        vectors, root = torch.linalg.qr(draw).Q, torch.as_tensor(np.sqrt(values))
        self.jacobian = vectors * root

    def product(self, v):
        return self.jacobian @ (self.jacobian.T @ v)

    def drawn(self, source):
        return self.jacobian @ torch.randn(self.size, generator=source, dtype=torch.float64)

    def gram(self):
        return (self.jacobian @ self.jacobian.T).numpy()


def _looked(shown, monkeypatch, products=300):
    """As of an answer that is too large to be looked at whole."""
    monkeypatch.setattr(bounded, "MOST_WHOLE", 0)
    return bounded.examine(shown, 1.0, products, 1e-9, 0.0)


@pytest.mark.parametrize("shows", [5, 40, 100])
def test_planted_directions_are_counted_outside_a_basis_of_what_shows(shows, monkeypatch):
    values = np.concatenate([np.zeros(400 - shows), np.geomspace(1e-8, 1, shows)])
    found = _looked(Planted(values), monkeypatch)
    assert found.unique is False and found.free == 400 - shows and found.at_least and found.how == "bounded"


def test_fewer_values_than_directions_leave_some_free_however_little_is_looked_at(monkeypatch):
    values = np.concatenate([np.zeros(100), np.geomspace(1e-6, 1, 300)])
    found = _looked(Planted(values, count=310), monkeypatch, products=90)
    assert found.unique is False and found.free >= 90 and found.at_least


def test_what_shows_evenly_is_proved_unique_by_a_bound_below_its_least_eigenvalue(monkeypatch):
    found = _looked(Planted(np.geomspace(0.2, 1, 400)), monkeypatch)
    assert found.unique and found.how == "bounded"
    assert 0 < found.weakest <= (0.2 * 400) ** 0.5


def test_what_is_neither_found_nor_excluded_stays_open(monkeypatch):
    """One flat direction among 400 of all sizes: too few products to tell it from the next."""
    found = _looked(Planted(np.geomspace(1e-12, 1, 400)), monkeypatch, products=90)
    assert found.unique is None and found.how == "open" and found.expected_error is None


def test_what_can_be_afforded_is_looked_at_whole():
    values = np.concatenate([np.zeros(7), np.geomspace(1e-4, 1, 93)])
    found = bounded.examine(Planted(values), 1e-3, 1.0, 1e-9, 0.0)
    assert found.how == "whole" and found.free == 7 and not found.at_least


@pytest.mark.parametrize("seed", range(20))
def test_bounds_of_lanczos_hold(seed):
    draw = np.random.default_rng(seed)
    shown = Planted(np.sort(draw.uniform(0, 1, 120) ** draw.integers(1, 9)))
    least = float(np.linalg.eigvalsh(shown.gram())[0])
    start = torch.randn(120, generator=generator(seed, 0), dtype=torch.float64)
    found = lowest.lowest(shown.product, start, int(draw.integers(10, 110)))
    assert found.bound <= least + 1e-12 and found.values[0] >= least - 1e-12
    near = np.abs(np.linalg.eigvalsh(shown.gram()) - found.values[0]).min()
    assert near <= found.residual + 1e-12
