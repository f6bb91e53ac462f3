"""On real pictures: defenses that hold a naive attacker hold less who knows of them."""

from __future__ import annotations

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
    return median(_psnr(defense, attack, i) for i in (3, 20, 57))


SECOND = {"kind": "levenberg_marquardt", "restarts": 1}
SEARCH = {"kind": "dlg", "trials": 1, "iterations": 100}
FIRST = {"kind": "inverting_gradients", "iterations": 1000}


@pytest.mark.parametrize("attack", [SECOND, SEARCH, FIRST], ids=lambda a: a["kind"])
@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_pruning_hurts_the_naive_attacker_and_less_the_one_who_knows_the_mask(attack, fraction):
    defense = {"kind": "pruning", "fraction": fraction}
    without = _median({"kind": "pruning", "fraction": 0}, attack)
    naive, knowing = _median(defense, attack), _median(defense, {**attack, "adaptive": True})
    print(f"{attack['kind']} {fraction}: {without:.1f} none, {naive:.1f} naive, {knowing:.1f} knowing")
    assert naive < without + 0.5 and knowing > naive + (-0.5 if fraction == 0.2 and attack is FIRST else 2)


@pytest.mark.parametrize("attack", [SECOND, SEARCH, FIRST], ids=lambda a: a["kind"])
def test_four_bits_hurt_less_who_knows_the_cells(attack):
    defense = {"kind": "quantisation", "bits": 4}
    assert _median(defense, {**attack, "adaptive": True}) > _median(defense, attack) + (-0.5 if attack is FIRST else 2)


@pytest.mark.parametrize("attack", [SECOND, FIRST], ids=lambda a: a["kind"])
def test_one_bit_hides_the_face_only_from_who_takes_signs_for_sizes(attack):
    defense = {"kind": "quantisation", "bits": 1}
    assert _median(defense, {**attack, "adaptive": True}) > _median(defense, attack) + 5


@pytest.mark.parametrize("attack", [SECOND, SEARCH, FIRST], ids=lambda a: a["kind"])
@pytest.mark.parametrize("std", [1e-4, 1e-3, 1e-2])
def test_knowing_the_noise_is_never_worse(attack, std):
    defense = {"kind": "gaussian_noise", "std": std}
    gain = _median(defense, {**attack, "adaptive": True}) - _median(defense, attack)
    assert gain > (-0.5 if attack is FIRST and std < 1e-2 else 1)
