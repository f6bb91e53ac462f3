"""Properties of every attack: any plan gives the same, a batch equals its trials alone, a resumed run the whole one."""

from __future__ import annotations

import io

import pytest
import torch

from gi_core.settings.plan import Plan
from tests.victims import advance, experiment, machine


@pytest.mark.parametrize(
    "plan", [Plan(onednn=False, chunk=8), Plan(onednn=True, channels_last=True, chunk=2), Plan(onednn=False, chunk=1)]
)
@pytest.mark.parametrize("model", ["lenet", "convnet"])
def test_every_plan_gives_the_same_gradient(plan, model):
    asked = experiment(
        size=12,
        model={"kind": model, "width": 3},
        attack={"kind": "inverting_gradients", "trials": 3, "precision": "float64"},
    )
    reference, _ = machine(asked, Plan(onednn=False, chunk=8))
    other, _ = machine(asked, plan)
    z = reference.init(0)["z"]
    expected, _ = reference.problem.evaluate(z)
    found, _ = other.problem.evaluate(z)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


ALONE = [
    {"kind": "dlg", "restarts": 0, "small_gradients": "published"},
    {"kind": "idlg", "restarts": 0, "small_gradients": "published"},
    {"kind": "inverting_gradients", "iterations": 40},
    {"kind": "inverting_gradients", "objective": "l2", "optimiser": "sgd", "learning_rate": 0.01, "iterations": 40},
    {"kind": "inverting_gradients", "tensors": "random8", "iterations": 40, "scoring": "total_variation"},
]


@pytest.mark.parametrize("attack", ALONE, ids=lambda a: a["kind"] + a.get("optimiser", "") + a.get("tensors", ""))
def test_each_trial_of_a_batch_equals_that_trial_alone(attack):
    together, _ = machine(experiment(attack={**attack, "trials": 3, "precision": "float64"}))
    batch = together.init(5)
    batch["trials"].update(live=[True] * 3, begun=[True] * 3)  # a search begins its trials one after another
    steps = (
        2 if attack["kind"] in ("dlg", "idlg") else 20
    )  # more L-BFGS steps amplify the rounding of another order of sums
    for _ in range(steps):
        batch, step = together.step(batch)
        if step.done:
            break
    for trial in range(3):
        alone, _ = machine(experiment(attack={**attack, "trials": 1, "precision": "float64"}))
        state = alone.init(5)
        start = alone.problem.draw(5, trial, 0)
        state["z"].copy_(start[None])
        state["best"].copy_(start[None])
        state, _ = advance(alone, state, step.iteration)
        torch.testing.assert_close(batch["z"][trial], state["z"][0], rtol=1e-6, atol=1e-6)


EVERY = [
    {"kind": "dlg", "trials": 2, "inner": 4},
    {"kind": "idlg", "trials": 1, "inner": 4},
    {"kind": "inverting_gradients", "trials": 2, "iterations": 30, "tensors": "random8"},
    {"kind": "inverting_gradients", "optimiser": "lbfgs", "signed": False, "iterations": 12},
    {"kind": "levenberg_marquardt", "iterations": 2, "restarts": 9, "krylov": 6, "tolerance": 1e-25},
    {"kind": "rgap"},
    {"kind": "peeling", "total_variation_rounds": 2, "matching": 4},
    {"kind": "rgap_hybrid", "matching": 4},
]

RECURSIONS = ("rgap", "peeling", "rgap_hybrid")


@pytest.mark.parametrize("attack", EVERY, ids=lambda a: a["kind"] + a.get("optimiser", ""))
def test_a_resumed_attack_equals_the_uninterrupted_one(attack):
    asked = experiment(attack=attack)
    whole, _ = machine(asked)
    expected, last = advance(whole, whole.init(1), 7)
    first, _ = machine(asked)
    half, _ = advance(first, first.init(1), 3)
    file = io.BytesIO()
    torch.save(half, file)
    file.seek(0)
    second, _ = machine(asked)
    resumed, step = advance(second, torch.load(file, weights_only=True), 4)
    assert step.iteration == last.iteration
    torch.testing.assert_close(step.images, last.images, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(whole.answer(expected)[0], second.answer(resumed)[0], rtol=0, atol=0)


@pytest.mark.parametrize("attack", EVERY, ids=lambda a: a["kind"] + a.get("optimiser", ""))
def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(attack):
    pictures = []
    for seed in (3, 3, 4):
        built, _ = machine(experiment(attack=attack))
        _, step = advance(built, built.init(seed), 3)
        pictures.append(step.images.clone())
    assert torch.equal(pictures[0], pictures[1])
    if attack["kind"] not in RECURSIONS:  # they draw nothing
        assert pictures[0].shape != pictures[2].shape or not torch.equal(pictures[0], pictures[2])
