"""The attacker who knows the defenses: what it is given that the other is not, by every attack, of every defense."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from gi_core.attacks import Refused, make
from gi_core.attacks.adaptive import noise
from gi_core.attacks.adaptive.knowledge import given
from gi_core.networks.bottleneck import bottlenecks
from gi_core.settings import problems
from tests.attacks.test_table import FITTING, TINY_ATTACKS, TINY_DEFENSES
from tests.victims import PLAN, advance, experiment, machine, play


def _asked(defenses, attack="inverting_gradients", **settings):
    return experiment(defenses=defenses, attack={"kind": attack, **TINY_ATTACKS[attack], **settings})


def test_a_naive_attack_is_given_nothing_and_the_adaptive_one_everything():
    asked = _asked([{"kind": "precode", "features": 4}])
    _, knowledge, _ = play(asked)
    assert given(asked.attack, knowledge).defenses == () and bool(bottlenecks(knowledge.model)[0].eps.any())
    knows = asked.attack.model_copy(update={"adaptive": True})
    settled = given(knows, knowledge)
    assert settled.defenses == knowledge.defenses and not bottlenecks(settled.model)[0].eps.any()
    assert bool(bottlenecks(knowledge.model)[0].eps.any()), "the knowledge that was given stays as it is"


@pytest.mark.parametrize("attack", sorted(TINY_ATTACKS))
@pytest.mark.parametrize("kind", ["pruning", "gaussian_noise", "quantisation"])
def test_a_naive_attack_does_the_same_whether_or_not_the_defenses_are_known(attack, kind):
    asked = experiment(
        defenses=TINY_DEFENSES[kind], **FITTING[attack], attack={"kind": attack, **TINY_ATTACKS[attack]},
    )  # fmt: skip
    update, knowledge, _ = play(asked)
    assert knowledge.defenses
    answers = []
    for known in (knowledge, replace(knowledge, defenses=())):
        built = make(asked.attack, update, known, plan=PLAN, device="cpu")
        try:
            state, _ = advance(built, built.init(0), 3)
            answers.append(built.answer(state)[0])
        except Refused as refused:
            answers.append(str(refused))
    if attack == "residual":  # whatever is not exact hides its masks
        assert answers[0] == answers[1] and "noised or rounded" in answers[0]
    else:
        assert torch.equal(*answers)


def test_mixed_labels_are_the_target_of_an_attack_that_may_know_labels():
    asked = experiment(
        samples=["bundled/faces:0", "bundled/faces:150"], defenses=[{"kind": "mixing", "partners": "batch"}],
        attack={"kind": "inverting_gradients", "labels": "known", "iterations": 2, "adaptive": True},
    )  # fmt: skip
    update, knowledge, _ = play(asked)
    built = make(asked.attack, update, knowledge, plan=PLAN, device="cpu")
    soft = knowledge.defenses[0]["soft_labels"]
    torch.testing.assert_close(built.problem.seen.target, soft)
    assert ((soft > 0) & (soft < 1)).any()
    naive = make(asked.attack.model_copy(update={"adaptive": False}), update, knowledge, plan=PLAN, device="cpu")
    assert set(naive.problem.seen.target.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("defense", [{"kind": "pruning", "fraction": 0.5}, {"kind": "gaussian_noise"}])
def test_a_bias_that_a_defense_changed_does_not_stand_for_the_delta(defense):
    naive, _ = machine(_asked([defense], "levenberg_marquardt"))
    knowing, _ = machine(_asked([defense], "levenberg_marquardt", adaptive=True))
    assert naive.strategy() == "observed_delta" and knowing.strategy() == "auto"
    exact, _ = machine(_asked([{"kind": "clipping", "norm": 0.01}], "levenberg_marquardt", adaptive=True))
    assert exact.strategy() == "observed_delta"


# every attack and every defense


@pytest.mark.parametrize(
    ("attack", "defense"), list(itertools.product(TINY_ATTACKS, sorted(set(TINY_DEFENSES) - {"none"})))
)
def test_knowing_runs_or_refuses_as_not_knowing_does(attack, defense):
    model = (
        {"kind": "mlp", "hidden": 8}
        if attack == "analytic_linear"
        else {"kind": "lenet", "width": 3, "init": "uniform"}
    )
    outcomes = []
    for knows in (False, True):
        asked = experiment(
            defenses=TINY_DEFENSES[defense], model=model, attack={"kind": attack, **TINY_ATTACKS[attack], "adaptive": knows},
        )  # fmt: skip
        if any(p.fatal for p in problems(asked)):
            outcomes.append("refused")
            continue
        try:
            built, pictures = machine(asked)
            state, step = advance(
                built, built.init(0), 30 if attack in ("analytic_linear", "rgap", "peeling", "rgap_hybrid") else 2
            )
            assert torch.isfinite(built.answer(state)[0]).all() and step.images.shape[1:] == pictures.shape
            outcomes.append("ran")
        except Refused as refusal:
            outcomes.append("refused")
            assert "\n" not in str(refusal)
    assert outcomes[0] == outcomes[1] or (outcomes[0] == "refused" and attack in ("rgap", "rgap_hybrid", "peeling"))


@pytest.mark.parametrize(
    ("attack", "defense", "said"),
    [
        ("inverting_gradients", {"kind": "clipping"}, "a common factor does not change"),
        ("levenberg_marquardt", {"kind": "clipping"}, "a common factor cancels"),
        ("dlg", {"kind": "clipping"}, ""),
        ("dlg", {"kind": "withheld_layers"}, "everyone sees"),
        ("rgap", {"kind": "gaussian_noise"}, "takes every value for exact"),
        ("rgap", {"kind": "pruning"}, ""),
        ("peeling", {"kind": "gaussian_noise"}, ""),
        ("inverting_gradients", {"kind": "mixing"}, "not given labels"),
        ("inverting_gradients", {"kind": "pruning"}, ""),
    ],
)
def test_it_is_said_where_knowing_changes_nothing(attack, defense, said):
    asked = experiment(defenses=[defense], attack={"kind": attack, "adaptive": True})
    reasons = [p.reason for p in problems(asked) if p.field == "attack.adaptive"]
    assert len(reasons) == bool(said) and (
        not said or said.replace("takes", "take") in reasons[0].replace("takes", "take")
    )
    assert all(not p.fatal for p in problems(asked) if p.field == "attack.adaptive")
    naive = experiment(defenses=[defense], attack={"kind": attack})
    assert not [p for p in problems(naive) if p.field == "attack.adaptive"]


def test_dense_layers_give_an_exact_picture_back_from_half_of_their_values():
    asked = experiment(
        model={"kind": "mlp"}, defenses=[{"kind": "random_pruning", "kept": 0.5}], attack={"kind": "analytic_linear", "adaptive": True},
    )  # fmt: skip
    built, pictures = machine(asked)
    state, _ = advance(built, built.init(0), 10)
    torch.testing.assert_close(built.answer(state)[0].float(), pictures, atol=1e-4, rtol=0)


def test_a_start_that_fits_as_well_as_noise_allows_needs_no_other():
    defended = [{"kind": "gaussian_noise", "std": 1e-3}]
    settings = {"iterations": 30, "krylov": 60, "restarts": 4}
    naive, _ = machine(_asked(defended, "levenberg_marquardt", **settings))
    knowing, _ = machine(_asked(defended, "levenberg_marquardt", adaptive=True, **settings))
    assert knowing.tolerance > naive.tolerance
    state, step = advance(knowing, knowing.init(0), 100)
    assert len(state["ended"]) == 1 and step.note == "the gradient is matched"
    assert advance(naive, naive.init(0), 200)[0]["ended"].__len__() > 1


def test_where_values_are_missing_the_prior_fades_with_the_residual():
    masked = [{"kind": "random_pruning", "kept": 0.3}]
    knowing, _ = machine(_asked(masked, "levenberg_marquardt", adaptive=True, iterations=9))
    state = knowing.init(0)
    state, _ = knowing.step(state)
    after = state["residual"]
    state, _ = knowing.step(state)
    assert knowing.damped.prior.mu == pytest.approx(noise.FADING * after / state["x"].numel(), rel=1e-9)
    naive, _ = machine(_asked(masked, "levenberg_marquardt", iterations=9))
    advance(naive, naive.init(0), 2)
    assert naive.damped.prior.mu == 0
