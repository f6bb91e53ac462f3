"""What an attacker who knows the defenses believes of the values before them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core.attacks.adaptive.beliefs import believe
from gi_core.attacks.adaptive.undoing import CONCENTRATED, WRONG_SIGN
from gi_core.types.updates import Schedule
from tests.attacks.test_table import TINY_ATTACKS
from tests.victims import experiment, play

INF = float("inf")


def _asked(defenses, attack="inverting_gradients", **settings):
    return experiment(defenses=defenses, attack={"kind": attack, **TINY_ATTACKS[attack], **settings})


def _belief(*defenses):
    update, knowledge, _ = play(_asked(list(defenses)))
    return update, believe(update, knowledge)


def test_what_was_sent_as_it_is_is_believed_exactly():
    update, belief = _belief({"kind": "gaussian_noise", "std": 0})
    assert belief.plain and all(belief.exact(i) for i in range(len(update.tensors)))


def test_cleared_values_lie_within_the_least_that_was_kept():
    update, knowledge, _ = play(_asked([{"kind": "pruning", "fraction": 0.5}]))
    belief = believe(update, knowledge)
    clean, _, _ = play(_asked([]))
    for i, (name, t) in enumerate(update.tensors.items()):
        kept = knowledge.defenses[0]["mask"][name]
        assert torch.equal(belief.low[i][kept], t[kept]) and torch.equal(belief.high[i][kept], t[kept])
        assert (belief.high[i][~kept] == t[kept].abs().min()).all()
        assert ((clean.tensors[name] >= belief.low[i]) & (clean.tensors[name] <= belief.high[i])).all()


@pytest.mark.parametrize("kind", ["random_pruning", "top_k", "soteria"])
def test_other_masks_say_nothing_of_what_was_cleared(kind):
    update, knowledge, _ = play(_asked([{"kind": kind}]))
    belief, mask = believe(update, knowledge), knowledge.defenses[0]["mask"]
    for i, name in enumerate(update.tensors):
        free = ~mask[name] if name in mask else torch.zeros_like(update.tensors[name], dtype=torch.bool)
        assert torch.equal(belief.low[i] == -INF, free) and torch.equal(belief.high[i] == INF, free)


def test_noise_behind_a_mask_hides_the_threshold():
    _, belief = _belief({"kind": "pruning", "fraction": 0.5}, {"kind": "gaussian_noise", "std": 1e-3})
    assert {float(h) for h in torch.cat([h.flatten() for h in belief.high]).abs() if h > 1e30} == {INF}


@pytest.mark.parametrize("defense", [{"kind": "quantisation", "bits": 4}, {"kind": "half_precision"}])
def test_rounding_is_noise_of_its_cell_over_root_twelve(defense):
    update, belief = _belief(defense)
    clean, _, _ = play(_asked([]))
    sent, true = (torch.cat([t.flatten() for t in u.tensors.values()]) for u in (update, clean))
    spread = torch.cat([s.flatten() for s in belief.spread])
    moved = spread > 0
    assert ((sent - true).abs()[moved] <= 0.5 * 12**0.5 * spread[moved] * 1.01).all(), "half a cell at most"
    found = ((sent - true)[moved] / spread[moved]).square().mean().sqrt()
    assert 0.6 < float(found) < 1.2, "and on average as Widrow says"


def test_one_bit_tells_the_sign():
    update, belief = _belief({"kind": "quantisation", "bits": 1})
    for t, low, high, spread in zip(update.tensors.values(), belief.low, belief.high, belief.spread, strict=True):
        assert (low[t > 0] == 0).all() and (high[t > 0] == INF).all() and (high[t < 0] == 0).all()
        torch.testing.assert_close(spread, WRONG_SIGN * t.abs())


def test_variances_add_up_in_a_gradients_units():
    update, knowledge, _ = play(
        _asked([{"kind": "gaussian_noise", "std": 3.0}, {"kind": "laplace_noise", "scale": 8**0.5}])
    )
    assert float(believe(update, knowledge).spread[0].max()) == pytest.approx(5.0)
    sent = replace(update, kind="weight_change")
    schedule = Schedule(steps=2, batch_size=1, learning_rate=0.1)
    assert float(believe(sent, replace(knowledge, schedule=schedule)).spread[0].max()) == pytest.approx(25.0)


def test_the_protective_direction_counts_as_concentrated_noise():
    update, knowledge, _ = play(_asked([]))
    knowledge = replace(knowledge, defenses=({"kind": "protective_direction", "strength": 0.01},))
    sigma, trust = believe(update, knowledge).noise()
    values = sum(t.numel() for t in update.tensors.values())
    assert trust is None and sigma == pytest.approx(CONCENTRATED * 0.01 * update.norm() / values**0.5, rel=1e-5)


def test_only_an_update_at_its_bound_was_clipped():
    norm = play(_asked([]))[0].norm()
    assert _belief({"kind": "clipping", "norm": norm / 2})[1].rescaled
    assert not _belief({"kind": "clipping", "norm": norm * 2})[1].rescaled
    assert _belief({"kind": "clipping", "norm": norm * 2}, {"kind": "gaussian_noise", "std": 0.1})[1].rescaled


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_an_update_shorter_than_its_bound_less_the_noise_was_not_clipped(noise):
    norm = play(_asked([]))[0].norm()
    for bound, expected in ((0.5 * norm, True), (2 * norm, False)):
        update, belief = _belief({"kind": "dp_sgd", "clip": bound, "noise_multiplier": noise / bound})
        assert belief.rescaled == expected, (bound, update.norm())


def test_pictures_clipped_each_by_its_own_factor_leave_the_length_open():
    pair = {"samples": ["bundled/faces:0", "bundled/faces:150"], "attack": {"kind": "inverting_gradients"}}
    update, knowledge, _ = play(experiment(defenses=[{"kind": "dp_sgd", "clip": 1e6, "noise_multiplier": 0}], **pair))
    assert believe(update, knowledge).rescaled
