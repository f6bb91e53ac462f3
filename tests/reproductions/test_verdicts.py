"""Statistics and their intervals against scipy, and the verdict that follows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact

from gi_core.metrics.intervals import fewer, mean_interval, median_interval, wilson
from gi_core.reproductions import Claim, measured
from gi_core.reproductions.verdicts import statistic
from tests.reproductions.helpers import rows

ABOUT = {"own": True, "data": "d", "budget": "small", "device": "cpu", "date": "2026-01-01", "version": "0"}


def claim(**more) -> Claim:
    base = {
        "id": "one_claim", "experiment": "one_setting", "paper": "p", "where": "Table 1", "claim": "It is so.", "source": "source",
        "printed": "30 dB", "metric": "psnr", "statistic": "median", "published": 30.0,
    }  # fmt: skip
    return Claim(**(base | more))


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (0, 50), (38, 50), (50, 50), (3, 7)])
def test_a_share_has_wilsons_interval(hits, of):
    low, high = binomtest(hits, of).proportion_ci(0.95, "wilson")
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    ("hits", "of", "than", "of_them"), [(0, 4, 8, 8), (4, 4, 8, 8), (2, 8, 5, 8), (0, 3, 0, 9), (7, 8, 1, 4)]
)
def test_two_shares_are_compared_as_by_fisher(hits, of, than, of_them):
    expected = fisher_exact([[hits, of - hits], [than, of_them - than]], alternative="less").pvalue
    assert fewer(hits, of, than, of_them) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [6, 7, 20, 51])
def test_a_medians_interval_holds_it_as_often_as_it_says(n):
    draws = np.random.default_rng(n).exponential(size=(4000, n))
    held = [low <= math.log(2) <= high for low, high in map(median_interval, draws)]
    assert np.mean(held) > 0.94
    assert median_interval([1.0, 2.0, 3.0]) == (1.0, 3.0)


def test_a_means_interval_shrinks_with_the_root_of_the_count():
    few, many = mean_interval([0.0, 1.0] * 8), mean_interval([0.0, 1.0] * 800)
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(10, rel=0.05)
    assert mean_interval([3.0]) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("published", "word"), [(30.0, "reproduced"), (26.0, "differs"), (27.5, "reproduced"), (34.0, "differs")]
)
def test_a_planted_wrong_claim_differs(published, word):
    values = [29.0, 30.0, 31.0, 29.5, 30.5, 30.2, 28.9, 30.8]
    one = claim(published=published, tolerance=2.0)
    assert measured(one, rows(values), **ABOUT)["verdict"] == word


def test_a_range_is_met_by_a_value_within_it():
    one = claim(published=20.0, upper=40.0)
    assert measured(one, rows([30.0] * 6), **ABOUT)["verdict"] == "reproduced"


def test_other_pictures_and_few_of_them_say_nothing():
    values = rows([30.0] * 6)
    assert measured(claim(), values, **(ABOUT | {"own": False}))["verdict"] == "data or GPU missing"
    assert measured(claim(published=90.0), values, **ABOUT, whole=False)["verdict"] == "data or GPU missing"
    assert measured(claim(), values, **ABOUT, whole=False)["verdict"] == "reproduced"
    assert measured(claim(), rows([30.0] * 4), **ABOUT)["verdict"] == "too few pictures"
    unread = claim(source="unread", printed="", published=None)
    assert measured(unread, values, **ABOUT)["verdict"] == "source unread"
    assert measured(claim(), rows([None] * 6), **ABOUT)["verdict"] == "not measured"


def test_a_run_that_failed_is_told_and_counts_as_a_miss_of_a_share():
    one = claim(statistic="share", metric="mse", below=0.01, published=60.0)
    got = measured(one, rows([0.001] * 6 + [None] * 4, "mse"), **ABOUT)
    assert got["value"] == 60.0 and got["failed"] == 4 and got["pictures"] == 6
    above = claim(statistic="share", metric="label_accuracy", above=0.5, published=60.0)
    assert statistic(above, [1.0, 0.0])[0] == 50.0
    assert measured(above, rows([1.0] * 6 + [None] * 4, "label_accuracy"), **ABOUT)["value"] == 60.0
