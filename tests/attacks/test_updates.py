"""Attacks on real updates: local steps equal torch's, and every term's slope is true."""

from __future__ import annotations

import copy

import pytest
import torch

from gi_core.attacks import Refused, make
from gi_core.attacks.base import stream
from gi_core.attacks.batch_norm import revealed
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.simulation import RoundMap
from gi_core.attacks.matching import regularisers
from gi_core.clients.round import normalised
from gi_core.networks.losses import LOSSES, as_target
from gi_core.settings import SpecError, build, problems
from tests.attacks.rounds_helpers import CPU, ask, play, problem
from tests.victims import PLAN, experiment

torch.set_num_threads(1)


SCHEDULES = (
    {}, {"epochs": 3}, {"epochs": 2, "batch_size": 2, "shuffle": False}, {"epochs": 2, "batch_size": 3, "shuffle": False},
    {"epochs": 3, "momentum": 0.9}, {"epochs": 3, "optimiser": "adam", "learning_rate": 1e-3}, {"clients": 2, "epochs": 2},
)  # fmt: skip


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_the_simulated_round_is_the_client_s(schedule, mode):
    """At the true pictures the simulation sends what torch's optimiser sent, for one trial and for several."""
    done, pictures = play(ask(batch_norm=mode, statistics="shared", **schedule))
    sent = as_mean_gradient(done.update, done.knowledge.schedule)
    # float64, so that what is left is the rounding of the client's own float32 weights
    round_ = RoundMap(done.update, done.knowledge, LOSSES["cross_entropy"], PLAN, torch.float64, CPU, watch=True)
    x, target = normalised(pictures, CPU).double(), as_target(done.knowledge.labels, 2, torch.zeros(1).double())
    for trials in (1, 2):
        tensors, seen = round_.play(x.expand(trials, *x.shape), target.expand(trials, *target.shape))
        pairs = list(zip(sent.tensors, tensors, sent.tensors.values(), strict=True))
        if "optimiser" in schedule and mode == "train":
            # Before batch norm a bias has no effect: Adam blows the rounding of its zero gradient up to whole steps.
            pairs = [p for p in pairs if not (p[0].startswith("conv") and p[0].endswith("bias"))]
        size = sum(float((t**2).sum()) for _, _, t in pairs) ** 0.5
        away = sum(float(((a[-1].detach() - b) ** 2).sum()) for _, a, b in pairs) ** 0.5
        assert away < (5e-3 if "optimiser" in schedule else 2e-4) * size  # Adam divides rounding by rounding
        if mode == "train" and "optimiser" not in schedule:  # such a bias moves the mean that batch norm sees
            wanted = revealed.recovered(done.update, done.knowledge)
            torch.testing.assert_close(seen[-1], wanted.values, rtol=2e-4, atol=2e-6)


TERMS = (
    {"kind": "inverting_gradients", "total_variation": 0.0},
    {"kind": "inverting_gradients", "total_variation": 0.0, "objective": "l2", "labels": "joint"},
    {"kind": "fl_gradient_inversion", "total_variation": 0.0, "objective": "relative", "batch_norm_distance": "norms"},
    {"kind": "fl_gradient_inversion", "total_variation": 0.0, "variation_norms": 0.5, "image_norm": 0.3},
    {"kind": "fl_gradient_inversion", "total_variation": 0.0, "parametrisation": "grey", "classification_weight": 0.7},
    {"kind": "fl_gradient_inversion", "total_variation": 0.0, "parametrisation": "deep_image_prior"},
    {"kind": "fl_gradient_inversion", "total_variation": 0.0, "batch_norm_network": "updated", "batch_norm_variance": "biased"},
    {"kind": "grad_inversion", "total_variation": 0.0, "trials": 2, "register_group": False, "group_weight": 0.4},
    {"kind": "grad_inversion", "total_variation": 0.0, "trials": 2, "register_group": False, "parametrisation": "grey"},
)  # fmt: skip


@pytest.mark.parametrize("attack", TERMS, ids=str)
def test_every_slope_is_the_derivative_of_the_total(attack):
    """Central differences along a random direction, in double precision; the tie of epochs too."""
    more = {"labels": "known", "precision": "float64", "start": "randn", "epochs_order": "free", **attack}
    asked = ask(2, more, batch_norm="train", statistics="shared", epochs=2, shuffle=False)
    built, z = problem(asked)
    if attack.get("parametrisation") != "deep_image_prior":
        z = 0.3 * z + 0.4
    gradient, terms = built.evaluate(z)
    draws = torch.Generator().manual_seed(1)
    way = torch.randn(z.shape, generator=draws, dtype=z.dtype)
    h = 1e-5
    up, down = (built.evaluate(z + s * h * way)[1]["total"].sum() for s in (1, -1))
    assert float((gradient * way).sum()) == pytest.approx(float((up - down) / (2 * h)), rel=2e-3, abs=1e-6)
    assert torch.isfinite(terms["total"]).all()


def test_a_group_is_registered_before_its_mean_is_taken():
    draws = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 3, 40, 40, generator=draws)[0], 5, 1)[None]
    moved = picture.roll((2, -3), (-2, -1))
    assert regularisers.offsets(moved, picture)[0, 0].tolist() == [-2, 3]
    group = torch.cat([picture, picture, moved])  # of two, rounding alone says which of them the mean is nearer to
    slope = torch.zeros_like(group)
    alone, together = (float(regularisers.add_group(group, 1.0, slope, r).sum()) for r in (False, True))
    assert together < 0.5 * alone


@pytest.mark.parametrize("client", [{"epochs": 3}, {"clients": 2}, {"optimiser": "adam"}], ids=str)
def test_attacks_of_one_gradient_say_so(client):
    asked = ask(2, **client).model_copy(
        update={"attack": build({"attack": {"kind": "levenberg_marquardt", "labels": "known"}}).attack}
    )
    said = [p.reason for p in problems(asked) if p.fatal]
    assert any("works on one gradient" in s and "Inverting Gradients" in s for s in said)
    done, _ = play(asked)
    with pytest.raises(Refused, match="works on one gradient"):
        make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")


def test_a_weight_change_of_one_step_is_a_gradient_to_every_attack():
    smooth = {"kind": "lenet", "width": 4, "init": "uniform"}
    asked = experiment(size=10, model=smooth, client={"kind": "fedavg", "learning_rate": 0.1})
    done, pictures = play(asked)
    machine = make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
    for state, _step in stream(machine, machine.init(0)):  # noqa: B007
        pass
    assert float(((machine.answer(state)[0] - torch.from_numpy(pictures.images)) ** 2).mean()) < 1e-3


def test_a_server_without_the_schedule_counts_the_steps():
    asked = ask(4, batch_norm="train", statistics="shared", batch_size=2, schedule_known=False)
    schedule = play(asked)[0].knowledge.schedule
    assert (schedule.steps, schedule.batch_size) == (2, 2)
    blind = play(ask(4, batch_size=2, schedule_known=False))[0].knowledge.schedule
    assert (blind.steps, blind.batch_size) == (1, 4)


def test_each_epoch_may_have_an_order_of_its_own():
    """Free order: as many pictures as epochs hold are searched, and one epoch's are shown."""
    asked = ask(2, {"epochs_order": "free", "trials": 2, "start": "randn"}, epochs=3, batch_size=1)
    done, _ = play(asked)
    machine = make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
    state = machine.init(0)
    assert state["z"].shape == (2, 3 * 2 * 12 * 12) and machine.problem.copies == 3
    _, step = machine.step(state)
    assert step.images.shape == (2, 2, 1, 12, 12) and "epochs" in step.losses


def test_the_surrogate_stands_halfway_and_says_so():
    asked = ask(1, {"rounds": "surrogate"}, epochs=4)
    done, _ = play(asked)
    machine = make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
    before = dict(done.knowledge.model.named_parameters())
    for (name, p), q in zip(before.items(), machine.problem.gradient.parameters.values(), strict=True):
        torch.testing.assert_close(q, p + 0.5 * done.update.tensors[name])
    _, step = machine.step(machine.init(0))
    assert any("halfway through the round" in e for e in step.events)


def test_the_drifting_network_moves_and_resumes():
    """The released code's network takes a step at each iteration; a resumed run drifts on from where it was."""
    preset = {"kind": "fl_gradient_inversion", **_published(), "iterations": 4, "start": "randn"}
    done, _ = play(ask(1, preset, batch_norm="train", statistics="shared"))
    asked = ask(1, preset, batch_norm="train", statistics="shared")
    machine = make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
    state = machine.init(0)
    first = [p.clone() for p in state["drift"][0]]
    state, _ = machine.step(state)
    assert any(not torch.equal(a, b) for a, b in zip(first, state["drift"][0], strict=True))
    kept = copy.deepcopy(state)
    whole, part = machine.step(state)[1], None
    again = make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
    part = again.step(kept)[1]
    assert torch.equal(whole.images, part.images)


def _published() -> dict:
    from gi_core.settings import ATTACKS

    return ATTACKS["fl_gradient_inversion"].presets["published"]


def test_too_many_clients_are_refused_and_a_diverged_round_too():
    with pytest.raises(SpecError, match="dealt out among"):
        play(ask(2, clients=3))
    with pytest.raises(SpecError, match="diverged"):
        play(ask(2, epochs=50, learning_rate=10.0, loss="mse"))
