"""On real pictures: defenses that hold a naive attacker hold less who knows of them."""

from __future__ import annotations

import json
from functools import cache
from statistics import median

import pytest
import torch

from tests.victims import advance, experiment, machine

pytestmark = pytest.mark.slow


def _psnr(defense: dict, attack: dict, index: int) -> float:
    built, pictures = machine(experiment(
        samples=[f"bundled/faces:{index}"], size=25, model={"kind": "lenet", "init": "uniform"}, defenses=[defense], attack=attack,
    ))  # fmt: skip
    state, step = advance(built, built.init(0), 10_000)
    assert step.done
    return float(-10 * torch.log10(((built.answer(state)[0].float().clamp(0, 1) - pictures) ** 2).mean()))


def _median(defense: dict, attack: dict) -> float:
    return _measured(json.dumps(defense), json.dumps(attack))


@cache
def _measured(defense: str, attack: str) -> float:
    """Of three faces. Kept, since several tests compare with the same one."""
    return median(_psnr(json.loads(defense), json.loads(attack), i) for i in (3, 20, 57))


SECOND = {"kind": "levenberg_marquardt", "restarts": 1}
SEARCH = {"kind": "dlg", "trials": 1, "iterations": 100}
FIRST = {"kind": "inverting_gradients", "iterations": 1000}


PRUNED = [(attack, fraction) for attack in (SECOND, SEARCH) for fraction in (0.2, 0.5, 0.9)] + [(FIRST, 0.9)]
NOISED = [(attack, std) for attack in (SECOND, SEARCH) for std in (1e-4, 1e-3, 1e-2)] + [(FIRST, 1e-2)]
"""The first-order search takes longest, so it is tried where the defense is strongest."""


@pytest.mark.parametrize("attack, fraction", PRUNED, ids=lambda a: a["kind"] if isinstance(a, dict) else str(a))
def test_pruning_hurts_the_naive_attacker_and_less_the_one_who_knows_the_mask(attack, fraction):
    defense = {"kind": "pruning", "fraction": fraction}
    without = _median({"kind": "pruning", "fraction": 0}, attack)
    naive, knowing = _median(defense, attack), _median(defense, {**attack, "adaptive": True})
    print(f"{attack['kind']} {fraction}: {without:.1f} none, {naive:.1f} naive, {knowing:.1f} knowing")
    assert naive < without + 0.5 and knowing > naive + 2


@pytest.mark.parametrize("attack", [SECOND, SEARCH, FIRST], ids=lambda a: a["kind"])
def test_four_bits_hurt_less_who_knows_the_cells(attack):
    defense = {"kind": "quantisation", "bits": 4}
    assert _median(defense, {**attack, "adaptive": True}) > _median(defense, attack) + (-0.5 if attack is FIRST else 2)


@pytest.mark.parametrize("attack", [SECOND, FIRST], ids=lambda a: a["kind"])
def test_one_bit_hides_the_face_only_from_who_takes_signs_for_sizes(attack):
    defense = {"kind": "quantisation", "bits": 1}
    assert _median(defense, {**attack, "adaptive": True}) > _median(defense, attack) + 5


@pytest.mark.parametrize("attack, std", NOISED, ids=lambda a: a["kind"] if isinstance(a, dict) else str(a))
def test_knowing_the_noise_is_never_worse(attack, std):
    defense = {"kind": "gaussian_noise", "std": std}
    assert _median(defense, {**attack, "adaptive": True}) > _median(defense, attack) + 1
