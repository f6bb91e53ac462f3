"""No claim of uniqueness is wrong, and planted twins are found: some of `benchmarks.uniqueness`, which has all."""

from __future__ import annotations

import pytest

from benchmarks import uniqueness


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
