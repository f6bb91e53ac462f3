"""Trials: one alone goes on as the published algorithm does, and a search begins the next only when those before fail."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from gi_core import metrics
from gi_core.attacks.base import stream
from gi_core.attacks.matching import bookkeeping
from gi_core.attacks.matching.bookkeeping import FALLS, PATIENCE, Rules
from gi_core.settings import ATTACKS
from tests.victims import PLAN, advance, experiment, machine, play

PERSISTENT = Rules(stop=1e-6, near=1e-6, patient=True, restarts=0, restart_stalled=True, persistent=True)


def _published(update, knowledge, start: torch.Tensor, label: torch.Tensor, steps: int) -> list[float]:
    """iDLG as it was published, torch's own L-BFGS: distances at the start of each step."""
    model = copy.deepcopy(knowledge.model).double().requires_grad_(True)
    target = [t.double() for t in update.tensors.values()]
    x = start.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS([x])

    def closure():
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(x), label)
        found = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
        distance = sum(((a - b) ** 2).sum() for a, b in zip(found, target, strict=True))
        distance.backward(inputs=[x])
        return distance

    return [float(optimiser.step(closure).detach()) for _ in range(steps)]


@pytest.mark.parametrize("far", [1.0, 40.0])
def test_one_trial_goes_on_as_the_published_algorithm_however_far_it_strays(far):
    asked = experiment(attack={"kind": "idlg", "trials": 1, "precision": "float64", "stop_loss": 0.0, "iterations": 6})
    update, knowledge, _ = play(asked)
    built, _ = machine(asked)
    state = built.init(2)
    state["z"].mul_(far)
    state["best"].copy_(state["z"])
    label = built.problem.seen.labels
    published = _published(update, knowledge, state["z"].view(1, *knowledge.input_shape), label, 6)
    losses = [float(step.losses["total"][0]) for _, step in stream(built, state)]
    assert losses[:3] == pytest.approx(published[: len(losses)][:3], rel=1e-4)


def test_a_loss_far_above_the_start_and_pixels_far_outside_end_nothing():
    record = bookkeeping.fresh(1, 1)
    for iteration, (value, pixel) in enumerate([(1.0, 1.0), (50.0, 1e4), (2e4, 1e6), (3.0, 1e4)], 1):
        assert bookkeeping.retire(record, PERSISTENT, [0], iteration, [value], [pixel], [False]) == ([], [])
    for iteration in range(5, 3 * PATIENCE):
        bookkeeping.retire(record, PERSISTENT, [0], iteration, [3.0], [1e4], [False])
    assert record["live"] == [True]
    _, events = bookkeeping.retire(record, PERSISTENT, [0], 99, [float("nan")], [1.0], [False])
    assert record["live"] == [False] and "diverged" in events[0]


def test_one_trial_that_cannot_move_comes_to_rest():
    record = bookkeeping.fresh(1, 1)
    bookkeeping.retire(record, PERSISTENT, [0], 1, [3.0], [1.0], [True])
    assert record["live"] == [False]


@pytest.mark.parametrize("preset", [p for p, v in ATTACKS["inverting_gradients"].presets.items() if "trials" not in v])
def test_published_presets_of_one_trial_persist(preset):
    values = {**ATTACKS["inverting_gradients"].presets[preset], "tensors": "all"}
    built, _ = machine(experiment(attack={"kind": "inverting_gradients", **values}))
    assert built.rules.persistent


def test_a_second_start_begins_only_when_the_first_has_failed_to_fall():
    record, value = bookkeeping.fresh(3, 1), 100.0
    for iteration in range(1, 20):
        value *= 0.8
        assert bookkeeping.begin_next(record, [0], iteration, [value]) == []
    events, iteration = [], 19
    while not events:
        value, iteration = 0.99 * value, iteration + 1
        events = bookkeeping.begin_next(record, [0], iteration, [value])
    assert 20 + FALLS > iteration >= 18 + FALLS - 3
    assert "trial 2 begins" in events[0] and record["live"] == [True, True, False] and bookkeeping.begun(record) == 2
    for iteration in range(26, 40):
        value *= 0.7
        assert bookkeeping.begin_next(record, [0, 1], iteration, [5.0, value]) == []
    record["live"][:2] = [False, False]
    assert bookkeeping.begin_next(record, [0, 1], 40, [5.0, 5.0]), "nothing is left that falls"
    assert bookkeeping.begin_next(record, [2], 41, [5.0]) == [], "nobody waits"


def test_dlg_begins_one_trial_and_tells_of_the_others_only_that_they_did_not_begin():
    built, pictures = machine(experiment(attack={"kind": "idlg", "trials": 3}))
    state, step = advance(built, built.init(3), 300)
    assert step.note == "the gradient is matched" and step.begun == 1
    alone, _ = machine(experiment(attack={"kind": "idlg", "trials": 1, "small_gradients": "observed_delta"}))
    _, single = advance(alone, alone.init(3), 300)
    found = metrics.trials_summary(step.images, step.score, pictures, step.begun)
    assert [t["score"] is None for t in found["all"]] == [False, True, True]
    assert found["worst"]["trial"] == found["best"]["trial"] == 0


def test_a_failed_first_start_is_followed_by_others_until_the_gradient_is_matched():
    built, _ = machine(experiment(attack={"kind": "idlg", "trials": 3, "restarts": 0}))
    state = built.init(3)
    state["z"][0] = 1e30
    state, step = advance(built, state, 300)
    assert step.begun == 2 and step.best == 1 and step.note == "the gradient is matched"


def test_a_checkpoint_of_an_earlier_version_has_begun_all_its_trials():
    built, _ = machine(experiment(attack={"kind": "dlg", "trials": 2, "inner": 3}), PLAN)
    state = built.init(0)
    for name in ("begun", "half", "half_at"):
        del state["trials"][name]
    state["trials"]["live"] = [True, True]
    state, step = advance(built, state, 3)
    assert step.begun == 2
