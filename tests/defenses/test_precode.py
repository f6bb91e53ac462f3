"""PRECODE: its draw and divergence, where the bottleneck stands, and who reads past it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gi_core import data, networks
from gi_core.defenses import wrapped
from gi_core.networks.bottleneck import Bottleneck, at_mean, bottlenecks, drawing, guessing
from gi_core.networks.losses import LOSSES, as_target
from gi_core.numerics.gradient import GradientMap, last_dense
from tests.defenses.test_representation import CLIENTS, DEFENSES, MLP, TWO, played, reasons, same
from tests.victims import PLAN, advance, experiment, machine


def test_divergence_is_that_of_two_normal_distributions():
    part = Bottleneck(4, 3, 1.0, 0.5)
    h = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    out = part(h)
    mu, s = part.encoder(h).chunk(2, -1)
    mine = torch.distributions.Normal(mu, torch.nn.functional.softplus(s))
    kl = torch.distributions.kl_divergence(mine, torch.distributions.Normal(0.0, 1.0)).sum(-1).mean()
    torch.testing.assert_close(part.penalty, 0.5 * kl)
    assert out.shape == h.shape and torch.equal(out, part.decoder(mu)), "without a draw it passes on the mean"


def test_each_pass_of_the_client_draws_anew_from_its_seed():
    part = Bottleneck(4, 3, 1.0, 0.0)
    h = torch.ones(2, 4)
    first = [drawing(part, 7)(h), part(h)]
    again = [drawing(part, 7)(h), part(h)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True)) and not torch.equal(*first)
    assert not torch.equal(first[0][0], first[0][1]), "each picture has a draw of its own"
    guess = guessing(part, 2, 7)
    assert torch.equal(guess(h), guess(h)) and not torch.equal(guess(h), first[0])
    assert guess(torch.ones(3, 4)).shape == (3, 4)
    assert "eps" not in part.state_dict()


@pytest.mark.parametrize("kind", ["lenet", "mlp", "resnet20", "vit"])
def test_the_bottleneck_stands_before_the_last_dense_layer(kind):
    model = {
        "lenet": {"kind": "lenet", "width": 2},
        "mlp": MLP,
        "vit": {"kind": "vit", "hidden": 8, "heads": 2, "depth": 1},
    }
    asked = model.get(kind, {"kind": kind})
    size = 12 if kind == "vit" else 8
    channels = 3 if kind == "vit" else 1
    found = played(model=asked, size=size, channels=channels, defenses=[DEFENSES["precode"]])
    network = found.knowledge.model
    (part,) = bottlenecks(network)
    head = last_dense(network)
    names = list(found.update.tensors)
    assert isinstance(head, nn.Linear) and part.decoder.out_features == head.in_features and part.width == 5
    assert names[-1].endswith("classifier.bias") and sum(".bottleneck." in n for n in names) == 4
    assert found.knowledge.defenses == ({"kind": "precode", "bottleneck": True},)
    assert found.clean is found.update


def test_the_clients_gradient_has_the_divergence_in_it_and_a_draw_that_nobody_knows():
    found = played(defenses=[{"kind": "precode", "features": 5, "noise": 0, "beta": 2.0}])
    network, asked = found.knowledge.model, experiment()
    gradient = GradientMap(found.knowledge, LOSSES["cross_entropy"], PLAN, torch.float64, torch.device("cpu"))
    x = torch.from_numpy(data.load(asked).images).double()[None]
    target = as_target(found.labels, found.knowledge.classes, x)[None]
    for trials in (1, 2):  # plain autograd, and vmap
        simulated = gradient(x.expand(trials, -1, -1, -1, -1), target.expand(trials, -1, -1))
        for mine, theirs in zip(simulated, found.update.tensors.values(), strict=True):
            torch.testing.assert_close(mine[0].float(), theirs, rtol=1e-4, atol=1e-6)
    without = played(defenses=[{"kind": "precode", "features": 5, "noise": 0, "beta": 0.0}])
    assert not same(found.update, without.update)
    drawn = played(defenses=[{"kind": "precode", "features": 5, "noise": 1, "beta": 2.0}])
    assert not same(found.update, drawn.update)
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), drawn.knowledge.model.parameters(), strict=True))
    (guess,), (mean,) = bottlenecks(drawn.knowledge.model), bottlenecks(at_mean(drawn.knowledge.model))
    assert guess.eps.abs().min() > 0 and mean.eps.abs().max() == 0


@pytest.mark.parametrize("client", CLIENTS, ids=["gradient", "weight_change"])
def test_precode_is_the_same_by_seed_and_another_by_another(client):
    rounds = [played(samples=TWO, client=client, seed=s, defenses=[DEFENSES["precode"]]) for s in (0, 0, 1)]
    assert same(rounds[0].update, rounds[1].update) and not same(rounds[0].update, rounds[2].update)


def test_clients_that_are_added_up_draw_apart():
    """Two clients of one picture each, the same one: with a common draw their mean would be either's change."""
    twice = {"samples": ["bundled/faces:3"] * 2, "defenses": [DEFENSES["precode"]]}
    both = played(**twice, client={"kind": "fedavg", "clients": 2})
    one = played(samples=["bundled/faces:3"], defenses=twice["defenses"], client={"kind": "fedavg"})
    assert not same(both.update, one.update)


def test_what_is_built_in_is_built_in_once():
    model = networks.build(experiment().model, (1, 8, 8), 2)
    asked = experiment(defenses=[DEFENSES["precode"]]).defenses
    once = wrapped(model, asked, 0)
    assert wrapped(once, asked, 5) is once and not bottlenecks(model)
    again = wrapped(model, asked, 0)
    assert all(torch.equal(p, q) for p, q in zip(once.parameters(), again.parameters(), strict=True))
    assert wrapped(model, (), 0) is model


def test_precode_refuses_what_does_not_go_together():
    defense = [DEFENSES["precode"]]
    assert "bottleneck is not in the drawing" in reasons(attack={"kind": "rgap"}, model=MLP, defenses=defense)[0]
    assert "once" in reasons(defenses=defense * 2)[0]
    assert "draws anew" in reasons(defenses=[*defense, {"kind": "protective_direction"}])[0]


def test_without_noise_the_bottleneck_hides_nothing():
    """The attacker plays the very same network: Levenberg-Marquardt brings the picture back to the last digit."""
    asked = experiment(
        defenses=[{"kind": "precode", "features": 64, "noise": 0}],
        attack={"kind": "levenberg_marquardt", "labels": "observed_delta", "iterations": 40},
    )
    built, pictures = machine(asked)
    state, step = advance(built, built.init(0), 60)
    assert float(((built.answer(state)[0] - pictures) ** 2).mean()) < 1e-6


@pytest.mark.parametrize("client", [{"kind": "fedsgd"}, {"kind": "fedavg"}], ids=["gradient", "weight_change"])
def test_an_attack_that_knows_of_the_bottleneck_reads_what_stands_before_it(client):
    """dL/d(mu, s) is the encoder's bias gradient, so the draw is no secret that the layers before it keep."""
    errors = {}
    for adaptive in (False, True):
        attack = {"kind": "levenberg_marquardt", "labels": "known", "iterations": 25, "restarts": 0}
        asked = experiment(defenses=[DEFENSES["precode"]], attack={**attack, "adaptive": adaptive}, client=client)
        built, pictures = machine(asked)
        state, _ = advance(built, built.init(0), 30)
        images, labels = built.answer(state)
        errors[adaptive] = float(((images.clamp(0, 1) - pictures) ** 2).mean())
        assert labels.tolist() == [0]
    assert errors[True] < 1e-4 < 1e-2 < errors[False]


def test_past_the_bottleneck_names_follow_and_batches_stay():
    from gi_core.attacks.adaptive.past_bottleneck import past_bottleneck
    from gi_core.settings import ATTACKS

    chain = [DEFENSES["precode"], {"kind": "pruning", "fraction": 0.25}]
    found, knows = played(defenses=chain), ATTACKS["dlg"](adaptive=True)
    settings, update, knowledge = past_bottleneck(knows, found.update, found.knowledge)
    assert settings.labels == "observed_delta" and knowledge.labels.tolist() == [0] and not bottlenecks(knowledge.model)
    assert list(update.tensors) == [name for name, _ in knowledge.model.named_parameters()]
    assert torch.equal(update.tensors["fc.bias"], found.update.tensors["fc.bottleneck.encoder.bias"])
    mask, before = knowledge.defenses[1]["mask"], found.knowledge.defenses[1]["mask"]
    assert mask.keys() == update.tensors.keys()
    assert torch.equal(mask["fc.weight"], before["fc.bottleneck.encoder.weight"])
    batch = played(samples=TWO, defenses=chain)
    for asked, one in ((knows, batch), (ATTACKS["dlg"](), found)):
        given = (asked, one.update, one.knowledge)
        assert all(a is b for a, b in zip(past_bottleneck(*given), given, strict=True))
