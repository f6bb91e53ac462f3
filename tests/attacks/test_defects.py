"""Known defects of the published code, each shown not to be here."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from gi_core.attacks import Refused, make
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.attacks.matching import inception
from tests.victims import PLAN, advance, experiment, machine, play


def _spoiled(kind: str, **attack):
    """A machine whose trial 0 is put where everything overflows."""
    built, _ = machine(experiment(attack={"kind": kind, **attack}))
    state = built.init(0)
    state["z"][0] = 1e30
    return built, state


def test_a_diverged_trial_starts_again_and_says_so():
    built, state = _spoiled("dlg", trials=2, inner=4)
    state, step = built.step(state)
    assert any("trial 1 diverged" in e and "starts again" in e for e in step.events)
    assert state["trials"]["attempt"][0] == 1 and float(state["z"][0].abs().max()) < 1e3


def test_a_trial_that_turns_nan_starts_again():
    built, _ = machine(experiment(attack={"kind": "inverting_gradients", "trials": 2, "boxed": False, "iterations": 9}))
    state = built.init(0)
    state["z"][1] = float("nan")
    state, step = built.step(state)
    assert any("trial 2 diverged" in e for e in step.events)
    state, step = advance(built, state, 9)
    assert step.done and torch.isfinite(step.images).all()


def test_without_restarts_a_lost_trial_ends_and_can_never_win():
    built, state = _spoiled("dlg", trials=2, restarts=0, inner=4)
    state, step = built.step(state)
    assert not state["trials"]["live"][0]
    state, step = advance(built, state, 5)
    assert step.best == 1 and float(step.score[0]) > float(step.score[1])


def test_an_untouched_trial_can_never_win():
    built, _ = machine(experiment(attack={"kind": "dlg", "trials": 3}))
    state = built.init(0)
    assert state["trials"]["score"] == [float("inf")] * 3
    state["trials"]["live"][2] = False
    state, step = built.step(state)
    assert step.best != 2 and torch.isinf(step.score[2])


def test_a_zero_gradient_is_refused_with_the_reason():
    update, knowledge, _ = play(experiment())
    for value, words in ((0.0, "zero"), (float("nan"), "finite"), (float("inf"), "finite")):
        spoiled = dataclasses.replace(update, tensors={k: torch.full_like(t, value) for k, t in update.tensors.items()})
        for kind in ("dlg", "inverting_gradients", "levenberg_marquardt"):
            asked = experiment(attack={"kind": kind})
            with pytest.raises(Refused, match=words):
                make(asked.attack, spoiled, knowledge, plan=PLAN, device="cpu")


def test_chosen_tensors_that_are_all_zero_are_refused():
    update, knowledge, _ = play(experiment())
    first = dict.fromkeys(list(update.tensors)[:4])
    spoiled = dataclasses.replace(
        update, tensors={k: torch.zeros_like(t) if k in first else t for k, t in update.tensors.items()}
    )
    asked = experiment(attack={"kind": "inverting_gradients", "tensors": "first4"})
    with pytest.raises(Refused):
        make(asked.attack, spoiled, knowledge, plan=PLAN, device="cpu")


def test_too_few_tensors_is_one_sentence():
    with pytest.raises(Refused, match="first50 asks for 50 tensors"):
        machine(experiment(attack={"kind": "inverting_gradients", "tensors": "first50"}))


def test_every_picture_of_a_batch_has_its_own_soft_label():
    asked = experiment(
        samples=["bundled/faces:0", "bundled/faces:150"], attack={"kind": "dlg", "trials": 2, "inner": 3}
    )
    built, _ = machine(asked)
    state, step = advance(built, built.init(0), 1)
    _, logits = built.problem.split(state["z"])
    assert logits.shape[1] == 2 and not torch.equal(logits[:, 0], logits[:, 1])
    assert step.labels.shape == (2, 2)


def test_inception_scoring_needs_its_weights_and_picks_the_surest_trial(gi_home, monkeypatch):
    attack = {"kind": "inverting_gradients", "trials": 3, "iterations": 3, "scoring": "inception", "start": "randn"}
    with pytest.raises(Refused, match="fetch inception_v3"):
        machine(experiment(attack=attack))
    brightness = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2, bias=False)
    )
    monkeypatch.setattr(inception, "load", lambda device: inception.entropy_of(brightness))
    built, _ = machine(experiment(attack=attack))
    state, step = advance(built, built.init(0), 3)
    entropies = inception.entropy_of(brightness)(step.images)
    assert step.done and step.best == int(entropies.argmin()) and 0 <= float(entropies.min()) <= 0.7
    torch.testing.assert_close(built.answer(state)[0], step.images[step.best])


def test_inception_weights_load_from_their_file(gi_home, monkeypatch):
    from gi_core.common.vision import import_torchvision
    from gi_core.networks.imagenet import path_of

    import_torchvision()
    from torchvision.models import inception_v3

    path = path_of("inception_v3")
    path.parent.mkdir(parents=True)
    torch.save(inception_v3(weights=None, init_weights=False).state_dict(), path)
    score = inception.load(torch.device("cpu"))(torch.rand(2, 1, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert score.shape == (2,) and torch.isfinite(score).all()


def test_mean_scoring_averages_the_trials():
    built, _ = machine(
        experiment(attack={"kind": "inverting_gradients", "trials": 3, "iterations": 4, "scoring": "mean"})
    )
    state, step = advance(built, built.init(0), 4)
    torch.testing.assert_close(built.answer(state)[0], step.images.mean(0))


@pytest.mark.parametrize("sample", ["bundled/faces:0", "bundled/faces:150"])
@pytest.mark.parametrize("strategy", ["idlg", "bias_sign"])
def test_labels_are_read_from_the_gradient(sample, strategy):
    asked = experiment(samples=[sample])
    update, knowledge, _ = play(asked)
    from gi_core import data

    assert hard_labels(strategy, update, knowledge).tolist() == data.load(asked).labels.tolist()


def test_attacks_accumulate_nothing_into_the_model():
    asked = experiment(attack={"kind": "inverting_gradients", "iterations": 2})
    update, knowledge, _ = play(asked)
    before = {k: v.clone() for k, v in knowledge.model.state_dict().items()}
    built = make(asked.attack, update, knowledge, plan=PLAN, device="cpu")
    advance(built, built.init(0), 2)
    assert all(p.grad is None for p in knowledge.model.parameters())
    assert all(p.grad is None for p in built.problem.gradient.model.parameters())
    assert all(torch.equal(v, before[k]) for k, v in knowledge.model.state_dict().items())


def test_double_precision_is_refused_where_the_device_has_none():
    update, knowledge, _ = play(experiment())
    asked = experiment(attack={"kind": "levenberg_marquardt"})
    with pytest.raises(Refused, match="double precision"):
        make(asked.attack, update, knowledge, plan=PLAN, device="mps")


@pytest.mark.parametrize(
    "attack", [{"kind": "dlg", "trials": 64, "history": 500}, {"kind": "levenberg_marquardt", "krylov": 2000}]
)
def test_what_cannot_fit_the_memory_is_refused_before_it_is_taken(attack, monkeypatch):
    update, knowledge, _ = play(experiment())
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    with pytest.raises(Refused, match="would take"):
        make(experiment(attack=attack).attack, update, knowledge, plan=PLAN, device="cpu")
