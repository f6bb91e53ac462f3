"""A vision transformer's patches from an update whose values were cleared, by an attacker who knows the mask, and by one who does not."""

from __future__ import annotations

import pytest
import torch

from gi_core.attacks.recursion.transformer import completing
from gi_core.attacks.recursion.transformer.alone import Alone
from gi_core.attacks.recursion.transformer.cleared import Filled
from gi_core.attacks.recursion.transformer.completing import Cleared
from gi_core.settings.knowing import idle
from tests.recovery import ask, psnr, recover, through_a_file

VIT = {"kind": "vit", "hidden": 192, "heads": 3, "depth": 2, "patch": 16}
"""16 patches of 768 values at 64 pixels."""
KNOWING = {"kind": "transformer", "adaptive": True}
HALF = {"kind": "random_pruning", "kept": 0.5}


def asked(attack, *defenses, picture="astronaut"):
    more = {"size": 64, "channels": 3, "samples": (f"bundled/{picture}",), "normalise": "0.5/0.25"}
    return ask(VIT, attack, defenses=list(defenses), **more)


def score(found) -> float:
    return min(psnr(found.attack.answer(found.state)[0], found.truth))


@pytest.mark.parametrize("defense", [HALF, {"kind": "pruning"}], ids=lambda d: d["kind"])
def test_whoever_knows_the_mask_fills_in_what_was_cleared(defense):
    naive, knowing = (recover(asked(a, defense)) for a in ("transformer", KNOWING))
    assert isinstance(naive.attack.way, Alone) and isinstance(knowing.attack.way, Filled)
    assert score(naive) < 25 and score(knowing) > 45
    assert "was cleared and filled in from the rest: an error of" in knowing.step.note
    sure = "smoothness" not in knowing.step.note
    assert (knowing.attack.certificate(knowing.state) is not None) == sure == (defense is HALF)
    assert (
        max(knowing.attack.residual(knowing.state).values()) < 0.02 < max(naive.attack.residual(naive.state).values())
    )


def test_its_state_can_be_saved_between_any_two_steps():
    once, saved = (recover(asked(KNOWING, HALF), saved=s) for s in (False, through_a_file))
    assert torch.equal(once.attack.answer(once.state)[0], saved.attack.answer(saved.state)[0])


def test_where_too_little_of_a_position_was_kept_it_is_as_without():
    found = recover(asked(KNOWING, {"kind": "pruning", "fraction": 0.9}))
    assert not isinstance(found.attack.way, Filled) and score(found) < 20


@pytest.mark.slow
def test_what_the_kept_values_do_not_fit_is_not_trusted():
    found = recover(asked(KNOWING, {"kind": "random_pruning", "kept": 0.3}, picture="rocket"))
    assert isinstance(found.attack.way, Filled) and score(found) < 30
    assert "which they do not fit: they are not to be trusted" in found.step.note
    assert found.attack.certificate(found.state) is None


def test_rows_and_columns_with_little_left_take_no_part():
    draws = torch.Generator().manual_seed(0)
    left, right = (torch.randn(n, 4, dtype=torch.float64, generator=draws) for n in (40, 60))
    whole = left @ right.T
    kept = torch.rand(40, 60, generator=draws) < 0.6
    kept[3], kept[:, 7] = False, False
    found = Cleared(whole * kept, kept, 4, 1e-16)
    rows, columns = found.core()
    assert not rows[3] and not columns[7] and int(rows.sum()) == 39 and int(columns.sum()) == 59
    state = completing.begin(found, 0)
    while not completing.further(found, state):
        pass
    filled = state["best"]["u"] @ state["best"]["v"].T
    assert torch.allclose(filled, whole[state["rows"]][:, state["columns"]], atol=1e-9)


def test_a_position_that_lost_too_much_is_counted():
    kept = torch.ones(40, 64, dtype=torch.bool)
    kept[3:, -1] = False
    found = Cleared(torch.ones(40, 64, dtype=torch.float64), kept, 4, 1e-7)
    assert found.short() == 1 and not found.determined()


def test_too_few_values_for_the_unknowns_are_not_tried():
    draws = torch.Generator().manual_seed(0)
    for share, tried in ((0.2, False), (0.5, True)):  # 4 (40 + 64 - 4) unknowns
        kept = torch.rand(40, 64, generator=draws) < share
        assert Cleared(torch.ones(40, 64, dtype=torch.float64), kept, 4, 1e-7).determined() == tried


def test_knowing_of_a_mask_is_said_to_change_something_and_of_noise_nothing():
    assert not list(idle(asked(KNOWING, HALF)))
    (said,) = idle(asked(KNOWING, {"kind": "gaussian_noise", "std": 1e-3}))
    assert "reads the size of noise off the update itself" in said
