"""The most that any attacker can get: closed forms, the accountant's curve, and what breaks the proof."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gi_core.settings import build, ceiling
from gi_core.settings.ceiling import Ceiling


def _asked(*defenses, **more):
    return build({
        "samples": ["bundled/faces:0"], "model": {"kind": "lenet"}, "attack": {"kind": "levenberg_marquardt"},
        "defenses": list(defenses), **more,
    })  # fmt: skip


DP = {"kind": "dp_sgd", "clip": 1.0, "noise_multiplier": 2.0}
CLIP, NOISE = {"kind": "clipping", "norm": 3.0}, {"kind": "gaussian_noise", "std": 1.5}


def test_worst_case_pictures_reach_the_ceiling():
    """Centres C e_1, ..., C e_N: Q is N(0, z^2 C^2), and at N = 2 choosing by the sign of one value is the curve itself."""
    draw = np.random.default_rng(0)
    for multiplier in (0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0):
        # One picture against its absence on the rest: the best test at level 1/N has power Phi(Phi^-1(1/N) + 1/z).
        shown = draw.normal(1 / multiplier, 1.0, 20_000)
        alone = draw.normal(0.0, 1.0, 20_000)
        for candidates in (2, 10):
            cut = np.quantile(alone, 1 - 1 / candidates)
            power, most = float((shown > cut).mean()), Ceiling(1 / multiplier).success(candidates)
            assert most * 0.8 < power < most * 1.1


def test_guessing_is_the_least_and_certainty_the_most():
    assert Ceiling(1e-9).success(200) == pytest.approx(1 / 200, rel=1e-6)
    assert Ceiling(math.inf).success(200) == 1.0 and Ceiling(0.1).success(1) == 1.0
    values = [Ceiling(mu).success(200) for mu in (0.1, 0.5, 1, 2, 4)]
    assert values == sorted(values)


def test_steps_add_up_as_the_square_root_and_a_sample_protects_more():
    one = ceiling.of(_asked(DP))
    five = ceiling.of(_asked(DP, client={"kind": "fedavg", "epochs": 5}))
    drawn = ceiling.of(_asked(DP | {"records": 50}))
    assert one.mu == 0.5 and five.mu == pytest.approx(0.5 * math.sqrt(5))
    assert 1 / 200 <= drawn.success() < one.success() < five.success()


def test_the_accountants_curve_ends_at_the_closed_form():
    """A share of (almost) all records is every record."""
    for steps, multiplier in ((1, 1.0), (4, 2.0)):
        closed = Ceiling(math.sqrt(steps) / multiplier).success(200)
        sampled = Ceiling(math.sqrt(steps) / multiplier, multiplier, 0.9999, steps).success(200)
        assert closed * 0.99 < sampled < closed * 1.05


def test_clipping_then_noise_has_one_and_the_other_order_has_none():
    assert ceiling.of(_asked(CLIP, NOISE)).mu == 2.0
    assert ceiling.of(_asked(CLIP, NOISE, {"kind": "half_precision"})).mu == 2.0
    assert ceiling.of(_asked(NOISE, CLIP)) is None
    assert ceiling.of(_asked(NOISE)) is None and ceiling.of(_asked()) is None
    assert ceiling.of(_asked(CLIP, {"kind": "laplace_noise"})) is None


def test_statistics_sent_without_noise_break_it():
    network = {"kind": "resnet20"}
    client = {"kind": "fedsgd", "batch_norm": "train", "statistics": "shared"}
    pictures = ["bundled/faces:0", "bundled/faces:1"]
    assert ceiling.of(_asked(CLIP, NOISE, model=network, client=client, samples=pictures)) is None
    withheld = client | {"statistics": "withheld"}
    assert ceiling.of(_asked(CLIP, NOISE, model=network, client=withheld, samples=pictures)) is not None


def test_words():
    assert ceiling.of(_asked(DP)).sentence() == (
        "Whatever the attack, it picks the true picture among 200 equally likely ones at most 1.9 % of the time: 3.8 times"
        " better than guessing."
    )
    assert (
        "rules nothing out" in Ceiling(math.inf).sentence()
        and "of the same label" in Ceiling(1, label_known=True).sentence()
    )
