"""Rounds until exposed: several updates of the same pictures show more directions, and average their errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gi_core import networks
from gi_core.analysis import exposure
from gi_core.experiments.rank_analysis import exposed
from gi_core.settings import SpecError, build

SHAPE = (1, 10, 10)


def network(width: int):
    settings = build({"model": {"kind": "lenet", "width": width, "activation": "tanh"}}).model
    return settings, networks.build(settings, SHAPE, 10)


def rounds(width: int, most: int, rate: float = 0.1):
    return exposed(*network(width), SHAPE, 10, most, rate)


def test_a_narrow_network_is_short_of_rank_in_one_round_and_exact_after_more():
    found = rounds(1, 8)
    ranks = [r["rank"] for r in found["rounds"]]
    assert ranks[0] < 100 and ranks == sorted(ranks) and ranks[-1] == 100 == found["directions"]
    assert found["exact_after"] == len(ranks) > 1 and found["rounds"][-1]["expected_error"] < 1 / 255
    assert f"exact after {len(ranks)}" in found["sentence"] and f"{ranks[0]} of 100 directions" in found["sentence"]


def test_a_wide_network_is_exact_at_once_and_no_further_round_is_measured():
    found = rounds(12, 5)
    assert found["exact_after"] == 1 and len(found["rounds"]) == 1 and found["sentence"].startswith("Exact after one")


def test_a_network_that_stands_still_shows_nothing_new():
    found = rounds(1, 3, rate=0.0)
    assert len({r["rank"] for r in found["rounds"]}) == 1 and found["exact_after"] is None
    assert found["sentence"].startswith("Not exact within 3 rounds")


@pytest.mark.parametrize("count", [4, 9])
def test_noise_of_rounds_at_the_same_weights_averages_as_one_over_the_root_of_their_number(count):
    draw = np.random.default_rng(0)
    j = draw.normal(size=(30, 12))
    one = exposure.Told(j.T @ j / 1e-3**2, (1.0,), (1, 1, 3, 4))
    together = one
    for _ in range(count - 1):
        together = together.plus(one)
    assert one.known().free == 0
    assert one.known().expected_error / together.known().expected_error == pytest.approx(count**0.5, rel=1e-6)


def test_what_cannot_be_measured_is_refused_in_a_sentence():
    settings, model = network(1)
    with pytest.raises(SpecError, match="rounds is a whole number from 1 to 64, not 0"):
        exposed(settings, model, SHAPE, 10, 0)
    with pytest.raises(SpecError, match="up to 4096 values, not 10000"):
        exposed(settings, model, (1, 100, 100), 10, 2)
    with torch.no_grad():
        model.get_parameter("fc.weight").mul_(1e30)
    with pytest.raises(SpecError, match="gradient is zero everywhere"):
        exposed(settings, model, SHAPE, 10, 3)
