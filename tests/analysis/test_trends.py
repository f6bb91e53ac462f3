"""Trends over repeated runs, by hand-worked values."""

from __future__ import annotations

import math

import pytest

from gi_core.analysis.trends import LEAST, group, trend


def test_quartiles_of_a_group():
    found = group(3, [4.0, 1.0, 2.0, 3.0])
    assert (found.n, found.low, found.median, found.high) == (4, 1.75, 2.5, 3.25)
    assert group(1, [7.0]).median == group(1, [7.0]).low == 7.0


def test_spearman_by_its_formula_without_ties():
    """rho = 1 - 6 sum d^2 / (n (n^2 - 1)) for distinct ranks."""
    x, y = [1, 2, 3, 4, 5, 6, 7, 8], [8.0, 7.0, 5.0, 6.0, 3.0, 4.0, 2.0, 1.0]
    d2 = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    found = trend(list(zip(x, y, strict=True)))
    assert found.rho == pytest.approx(1 - 6 * d2 / (8 * 63))
    assert found.direction == "falls" and found.p < 0.05


def test_it_sees_ranks_and_no_scale():
    points = [(k, math.exp(3 * k)) for k in range(1, 10)]
    assert trend(points).rho == pytest.approx(1.0) and trend(points).direction == "rises"


def test_up_and_down_is_no_trend():
    points = [(x, y) for x, y in zip(range(8), [1.0, 5.0, 2.0, 6.0, 1.5, 5.5, 1.2, 4.0], strict=True)]
    assert trend(points).direction == "none"


def test_few_runs_say_nothing_of_a_direction():
    assert trend([(k, float(k)) for k in range(LEAST - 1)]).direction == "unknown"
    assert trend([(k, 1.0) for k in range(9)]).direction == "unknown", "nothing varies"


def test_text_keeps_its_order_and_numbers_are_sorted():
    assert [g.x for g in trend([("b", 1.0), ("a", 2.0), ("b", 3.0)]).groups] == ["b", "a"]
    assert [g.x for g in trend([(8, 1.0), (1, 2.0), (2, 3.0)]).groups] == [1, 2, 8]


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        trend([(1, math.nan), (2, 1.0)])
