"""Several updates of the same pictures attacked together: what one leaves open, two fix, and noise averages."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core import attacks
from gi_core.attacks.base import Refused, stream
from gi_core.experiments import certainty, setup
from gi_core.settings import build, problems
from gi_core.settings.accounting import of_round
from gi_core.settings.plan import Plan

LM = {"kind": "levenberg_marquardt"}


def question(rounds: int, attack=LM, width: int = 2, size: int = 10, client=None, **more):
    asked = {
        "samples": ["bundled/faces:0"], "size": size, "model": {"kind": "lenet", "width": width, "activation": "tanh"},
        "client": {"kind": "fedsgd", "rounds": rounds, **(client or {})}, "attack": attack, **more,
    }  # fmt: skip
    return setup.ask(build(asked), torch.device("cpu"), lambda *_: None)


def machine(asked):
    done = asked.round
    return attacks.make(asked.experiment.attack, done.update, done.knowledge, plan=Plan(), device="cpu")


def error(asked, near: bool = False) -> float:
    """Root mean square error per pixel of the attack's answer. near: whether it starts at the picture, which saves time."""
    made = machine(asked)
    begun = made.init_near(torch.tensor(asked.pictures.images), 0) if near else made.init(0)
    *_, (state, _) = stream(made, begun)
    return float((made.answer(state)[0] - torch.tensor(asked.pictures.images)).square().mean().sqrt())


def test_two_rounds_give_what_one_leaves_open(tmp_path):
    one, two = question(1, width=1, size=8), question(2, width=1, size=8)
    assert error(one) > 0.05 and error(two) < 1e-3
    truth = torch.from_numpy(two.pictures.images).double()
    assert certainty.of(one, truth, one.round.labels, tmp_path)["unique"] is False
    assert certainty.of(two, truth, two.round.labels, tmp_path)["unique"]


def test_a_search_is_finished_with_each_tensor_over_its_own_rounding():
    small = {"kind": "lenet", "width": 1, "activation": "sigmoid", "seed": 832}
    asked = setup.ask(build({"samples": ["bundled/faces:129"], "size": 8, "model": small, "attack": LM, "seed": 518,
                             "client": {"kind": "fedsgd", "rounds": 3}}), torch.device("cpu"), lambda *_: None)  # fmt: skip
    made, truth = machine(asked), torch.from_numpy(asked.pictures.images)
    found = []
    for state, _ in stream(made, made.init(0)):
        found.append((state["finishing"], float((made.answer(state)[0] - truth).square().mean().sqrt())))
    before = [error for finishing, error in found if not finishing][-1]
    assert found[-1][0] and found[-1][1] < before / 5


def test_noise_that_nobody_told_of_is_no_rounding_so_the_finish_is_dropped():
    asked = question(1, size=6)
    noisy = {n: t + 1e-5 * t.norm() / t.numel() ** 0.5 * torch.randn(t.shape, generator=torch.Generator().manual_seed(1))
             for n, t in asked.round.update.tensors.items()}  # fmt: skip
    update = replace(asked.round.update, tensors=noisy)
    made = attacks.make(asked.experiment.attack, update, asked.round.knowledge, plan=Plan(), device="cpu")
    *_, (state, _) = stream(made, made.init(0))
    assert state["finishing"] and torch.equal(state["x"], state["before"])


def test_the_first_round_is_that_of_a_client_of_one_and_the_network_takes_the_step_that_was_sent():
    one, three = question(1), question(3, client={"server_rate": 0.5})
    first, second = three.round.knowledge.earlier
    assert all(torch.equal(a, first.update.tensors[n]) for n, a in one.round.update.tensors.items())
    for (name, p), q in zip(first.knowledge.model.named_parameters(), second.knowledge.model.parameters(), strict=True):
        assert torch.allclose(q, p - 0.5 * first.update.tensors[name], atol=1e-7)
    assert three.round.knowledge.alone().earlier == ()


def test_each_round_draws_its_own_noise():
    noise = [{"kind": "gaussian_noise", "std": 0.01}]
    found = question(3, client={"server_rate": 0.0}, defenses=noise).round
    sent = [e.update.tensors["fc.bias"] for e in found.knowledge.earlier] + [found.update.tensors["fc.bias"]]
    assert not torch.equal(sent[0], sent[1]) and not torch.equal(sent[1], sent[2])


@pytest.mark.slow
def test_noise_averages_as_one_over_the_root_of_the_rounds():
    """The network stands still, so four rounds say what one says with half of the noise; 1.3 allows for five draws."""
    ratios = []
    for seed in range(5):
        asked = [
            question(n, LM | {"labels": "known"}, 12, 6, {"server_rate": 0.0}, seed=seed,
                     defenses=[{"kind": "gaussian_noise", "std": 1e-6}])
            for n in (1, 4)
        ]  # fmt: skip
        ratios.append(error(asked[0], near=True) / error(asked[1], near=True))
    assert 2 / 1.3 < torch.tensor(ratios).log().mean().exp() < 2 * 1.3


def test_a_weight_change_of_one_step_is_taken_together_too():
    client = {"kind": "fedavg", "learning_rate": 0.1}
    assert (
        error(question(2, width=1, size=8, client=client)) < 0.02 < error(question(1, width=1, size=8, client=client))
    )


def test_matching_takes_the_mean_distance_of_all_rounds():
    asked = question(3, {"kind": "inverting_gradients", "labels": "known", "iterations": 1, "total_variation": 0})
    whole, parts = machine(asked), []
    z = whole.init(0)["z"]
    for one in (*asked.round.knowledge.earlier, asked.round):
        made = attacks.make(asked.experiment.attack, one.update, one.knowledge.alone(), plan=Plan(), device="cpu")
        parts.append(made.problem.evaluate(z))
    slope, terms = whole.problem.evaluate(z)
    assert torch.allclose(terms["gradient"], sum(t["gradient"] for _, t in parts) / 3, rtol=1e-5)
    assert torch.allclose(slope, sum(s for s, _ in parts) / 3, rtol=1e-3, atol=1e-7)


def test_an_attack_on_one_update_takes_the_last_and_says_so():
    asked = question(2, {"kind": "rgap"})
    made = machine(asked)
    _, step = made.step(made.init(0))
    assert any("the last of the 2 is attacked" in said for said in step.events)
    assert any("the last of the 2" in p.reason and not p.fatal for p in problems(asked.experiment))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"client": {"kind": "fedavg", "rounds": 2, "epochs": 2}}, "each is one step on all pictures"),
        ({"client": {"kind": "fedsgd", "rounds": 2}, "defenses": [{"kind": "precode"}]}, "is played for one round"),
        ({"client": {"kind": "fedsgd", "rounds": 2}, "server": {"kind": "fishing"}}, "played for one round"),
    ],
)
def test_what_several_rounds_cannot_be_is_said(more, said):
    assert any(p.fatal and said in p.reason for p in problems(build(more)))


def test_clipping_of_each_round_is_refused_where_its_factors_do_not_cancel():
    asked = question(2, LM | {"labels": "known", "adaptive": True}, defenses=[{"kind": "clipping", "norm": 1e-3}])
    with pytest.raises(Refused, match="a factor of its own"):
        machine(asked)


def test_privacy_is_counted_over_the_rounds_that_are_played():
    one, four = (build({"client": {"kind": "fedsgd", "rounds": n}, "defenses": [{"kind": "dp_sgd"}]}) for n in (1, 4))
    assert of_round(one.defenses[0], one.client, 1).steps == 1 and of_round(four.defenses[0], four.client, 1).steps == 4
    assert one.key() == build({"defenses": [{"kind": "dp_sgd"}]}).key(), "a client of one round is the question it was"
