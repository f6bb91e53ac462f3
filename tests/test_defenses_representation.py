"""Soteria, PRECODE and mixing: their formulas, what stays exact, what the server is told, and that attacks run on them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from gi_core import data, defenses, federated, models
from gi_core.attacks.gradient import GradientMap, last_dense
from gi_core.defenses.soteria import sensitivity
from gi_core.federated.losses import LOSSES, as_target
from gi_core.models.bottleneck import Bottleneck, at_mean, bottlenecks, drawing, guessing
from gi_core.spec import SpecError, problems
from tests.victims import PLAN, advance, experiment, machine

torch.set_num_threads(1)
MLP = {"kind": "mlp", "hidden": 6}
TWO = ["bundled/faces:3", "bundled/faces:150"]
CLIENTS = [{"kind": "fedsgd"}, {"kind": "fedavg", "epochs": 2, "batch_size": 1}]
ATTACKS = {
    "dlg": {"iterations": 2, "inner": 3, "trials": 2},
    "inverting_gradients": {"iterations": 2, "trials": 2},
    "levenberg_marquardt": {"iterations": 2, "krylov": 8, "restarts": 0},
    "fl_gradient_inversion": {"iterations": 2},
}
DEFENSES = {
    "soteria": {"kind": "soteria", "fraction": 0.5},
    "precode": {"kind": "precode", "features": 5},
    "mixing": {"kind": "mixing", "pictures": 3, "sign_flip": True},
}


def played(**values):
    asked = experiment(**values)
    pictures = data.load(asked)
    model = models.build(asked.model, pictures.images.shape[1:], asked.model.classes or pictures.classes)
    return federated.play(asked, model, pictures, "cpu")


def reasons(**values) -> list[str]:
    return [p.reason for p in problems(experiment(**values)) if p.fatal]


def same(a, b) -> bool:
    return all(torch.equal(a.tensors[k], b.tensors[k]) for k in a.tensors) and a.tensors.keys() == b.tensors.keys()


# Soteria


def test_soteria_scores_are_those_of_the_whole_jacobian():
    draw = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 3))
    for p in model.parameters():
        p.data = 0.3 * torch.randn(p.shape, generator=draw)
    x = torch.randn(5, 3, 2, 2, generator=draw)
    wanted = []
    for picture in x:
        features = model[:3](picture[None])[0]
        jacobian = torch.autograd.functional.jacobian(lambda p: model[:3](p[None])[0], picture).flatten(1)
        wanted.append((features.abs() / jacobian.norm(dim=1)).detach())
    for picture, scores in zip(x, wanted, strict=True):
        torch.testing.assert_close(sensitivity(model, "3", picture[None], draw), scores)
    probed = torch.stack([sensitivity(model, "3", x, draw) for _ in range(20)])
    torch.testing.assert_close(probed.mean(0), torch.stack(wanted).mean(0), rtol=0.05, atol=0)
    assert 0 < float((probed.std(0) / probed.mean(0)).max()) < 0.25


def test_soteria_probes_a_batch_through_batch_norm_of_its_own():
    client = {"kind": "fedavg", "batch_norm": "train", "statistics": "shared"}
    found = played(samples=TWO, size=12, model={"kind": "convnet", "width": 2, "depth": 2}, client=client,
                   defenses=[DEFENSES["soteria"]])  # fmt: skip
    assert all(torch.equal(t, found.clean.statistics[k]) for k, t in found.update.statistics.items())
    kept = next(iter(found.knowledge.defenses[0]["mask"].values()))
    assert 0 < int((~kept[0]).sum()) == len(kept[0]) // 2


def test_soteria_clears_the_share_with_the_largest_scores_and_nothing_else():
    found = played(model=MLP, defenses=[{"kind": "soteria", "fraction": 0.5}])
    known = found.knowledge.defenses[0]
    name = f"{known['layer']}.weight"
    kept = known["mask"][name]
    assert list(known["mask"]) == [name] and kept.shape == found.update.tensors[name].shape
    assert int((~kept[0]).sum()) == 3 and (kept == kept[0]).all()
    for key, tensor in found.clean.tensors.items():
        expected = tensor * kept if key == name else tensor
        assert torch.equal(found.update.tensors[key], expected)
    scores = sensitivity(found.knowledge.model, known["layer"], _inputs(found), torch.Generator())
    assert scores[~kept[0]].min() >= scores[kept[0]].max()


def _inputs(found):
    asked = experiment(model=MLP)
    return torch.from_numpy(data.load(asked).images)


def test_soteria_keeps_cleared_weights_where_they_were_in_every_step():
    client = {"kind": "fedavg", "epochs": 3, "batch_size": 1, "optimiser": "adam"}
    found = played(samples=TWO, model=MLP, client=client, defenses=[{"kind": "soteria", "fraction": 0.5}])
    ((name, kept),) = found.knowledge.defenses[0]["mask"].items()
    assert torch.all(found.update.tensors[name][~kept] == 0) and torch.all(found.clean.tensors[name][~kept] != 0)


def test_soteria_of_strength_zero_is_no_defense():
    found = played(defenses=[{"kind": "soteria", "fraction": 0}])
    assert same(found.update, found.clean) and "mask" not in found.knowledge.defenses[0]


def test_soteria_refuses_pixels_and_unknown_layers():
    assert "pixels" in reasons(model={"kind": "linear"}, defenses=[{"kind": "soteria"}])[0]
    with pytest.raises(SpecError, match="is none of this network"):
        played(model=MLP, defenses=[{"kind": "soteria", "layer": "nowhere"}])
    first = next(iter(played(model=MLP).update.tensors)).removesuffix(".weight")
    with pytest.raises(SpecError, match="pixels"):
        played(model=MLP, defenses=[{"kind": "soteria", "layer": first}])


# PRECODE


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
    model = models.build(experiment().model, (1, 8, 8), 2)
    asked = experiment(defenses=[DEFENSES["precode"]]).defenses
    once = federated.wrapped(model, asked, 0)
    assert federated.wrapped(once, asked, 5) is once and not bottlenecks(model)
    again = federated.wrapped(model, asked, 0)
    assert all(torch.equal(p, q) for p, q in zip(once.parameters(), again.parameters(), strict=True))
    assert federated.wrapped(model, (), 0) is model


def test_precode_refuses_what_does_not_go_together():
    defense = [DEFENSES["precode"]]
    assert "bottleneck is not in the drawing" in reasons(attack={"kind": "rgap"}, model=MLP, defenses=defense)[0]
    assert "once" in reasons(defenses=defense * 2)[0]
    assert "draws anew" in reasons(defenses=[*defense, {"kind": "protective_direction"}])[0]


# mixing


def test_one_picture_without_flips_is_exactly_no_defense():
    found = played(samples=TWO, defenses=[{"kind": "mixing", "pictures": 1}])
    assert same(found.update, found.clean) and set(found.knowledge.defenses[0]) == {"kind"}


@pytest.mark.parametrize("partners", ["both", "public", "batch"])
@pytest.mark.parametrize("normalise", ["none", "imagenet"])
def test_mixtures_of_pictures_and_labels(partners, normalise):
    asked = experiment(
        samples=["bundled/faces:3", "bundled/faces:150", "bundled/faces:7"], normalise=normalise,
        defenses=[{"kind": "mixing", "pictures": 3, "partners": partners}],
    )  # fmt: skip
    pictures = data.load(asked)
    seen = []
    defense = defenses.make(asked.defenses[0], 0, 0)
    defense.mean, defense.std = pictures.mean, pictures.std
    model = models.build(asked.model, pictures.images.shape[1:], pictures.classes)
    x, labels = federated.round.normalised(pictures, torch.device("cpu")), torch.from_numpy(pictures.labels)
    defense.local_round(lambda m, inputs, targets: seen.append((inputs, targets)))(model, x, labels)
    mixture, soft = seen[0]
    shares = defense.known["coefficients"]
    torch.testing.assert_close(shares.sum(1), torch.ones(3))
    assert shares.max() <= 0.65 and torch.equal(soft, defense.known["soft_labels"])
    torch.testing.assert_close(soft.sum(1), torch.ones(3))
    if partners == "public":
        assert torch.equal(soft, as_target(labels, 2, soft)), "a public picture has no label"
    if partners == "batch":  # shares of the own picture are known, and those of the other two in some order
        for i in range(3):
            others = [j for j in range(3) if j != i]
            orders = [(i, *others), (i, *others[::-1])]
            mixes = [sum(shares[i, k] * x[j] for k, j in enumerate(order)) for order in orders]
            assert any(torch.allclose(mix, mixture[i], atol=1e-5) for mix in mixes)
    pixels = mixture * torch.tensor(pictures.std).view(-1, 1, 1) + torch.tensor(pictures.mean).view(-1, 1, 1)
    assert pixels.min() > -1e-5 and pixels.max() < 1 + 1e-5


def test_flipped_signs_leave_pixels_or_their_negatives():
    asked = experiment(normalise="imagenet", defenses=[{"kind": "mixing", "pictures": 1, "sign_flip": True}])
    pictures = data.load(asked)
    defense = defenses.make(asked.defenses[0], 0, 0)
    defense.mean, defense.std = pictures.mean, pictures.std
    seen = []
    x = federated.round.normalised(pictures, torch.device("cpu"))
    defense.local_round(lambda m, inputs, targets: seen.append(inputs))(nn.Identity(), x, torch.zeros(1))
    mean, std = torch.tensor(pictures.mean).view(-1, 1, 1), torch.tensor(pictures.std).view(-1, 1, 1)
    before, after = x * std + mean, seen[0] * std + mean
    stays, turns = torch.isclose(after, before, atol=1e-6), torch.isclose(after, 1 - before, atol=1e-6)
    assert (stays | turns).all() and 0.3 < stays.float().mean() < 0.7


def test_soft_labels_follow_the_order_of_first_use():
    client = {"kind": "fedavg", "epochs": 2, "batch_size": 1, "shuffle": True}
    samples = [f"bundled/faces:{k}" for k in (3, 150, 7, 160, 9)]
    defense = {"kind": "mixing", "pictures": 2, "partners": "public"}
    found = played(samples=samples, client=client, attack={"kind": "dlg", "labels": "known"}, defenses=[defense])
    soft, hard = found.knowledge.defenses[0]["soft_labels"], found.knowledge.labels
    assert torch.equal(soft.argmax(1), hard) and not torch.equal(hard, found.labels)


def test_public_pictures_are_no_private_ones():
    faces = data.bundled.faces()[:150].astype(np.float32)[:, None] / 255
    found = data.public_pictures("faces", 50, 25, 1, faces, np.random.default_rng(0))
    assert found.shape == (50, 1, 25, 25) and found.dtype == np.float32
    assert not any((np.abs(faces - one).max((1, 2, 3)) < 1e-6).any() for one in found)
    with pytest.raises(SpecError, match="there are 50 public pictures"):
        data.public_pictures("faces", 51, 25, 1, faces, np.random.default_rng(0))


def test_mixing_refuses_what_does_not_go_together():
    batch = {"kind": "mixing", "partners": "batch"}
    assert "needs 2 or more" in reasons(defenses=[batch])[0]
    apart = {"kind": "fedavg", "clients": 2}
    matching = {"kind": "inverting_gradients"}
    both, dp = {"samples": TWO, "attack": matching}, {"kind": "dp_sgd"}
    found = reasons(**both, client=apart, defenses=[{"kind": "mixing"}])
    assert len(found) == 1 and "do not see each other's" in found[0]
    assert "epsilon would not hold" in reasons(**both, defenses=[{"kind": "mixing"}, dp])[0]
    assert not reasons(**both, defenses=[{"kind": "mixing", "partners": "public"}, dp])
    assert "epsilon would not hold" in reasons(defenses=[{"kind": "soteria"}, dp])[0]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_soft_labels_through_each_loss_are_the_mean_of_hard_ones(loss):
    """The gradient of a mixture's label is the same mixture of the gradients of hard labels: both losses are affine in t."""
    from gi_core.federated.fedsgd import gradient

    model = models.build(experiment().model, (1, 8, 8), 2)
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    ends = [gradient(model, x, torch.tensor([k]), loss).tensors for k in (0, 1)]
    middle = gradient(model, x, torch.tensor([[0.25, 0.75]]), loss).tensors
    for name, tensor in middle.items():
        torch.testing.assert_close(tensor, 0.25 * ends[0][name] + 0.75 * ends[1][name], rtol=1e-4, atol=1e-6)


# all of them


@pytest.mark.parametrize("client", CLIENTS, ids=["gradient", "weight_change"])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("defense", DEFENSES)
def test_every_attack_runs_on_every_one(defense, attack, client):
    labels = {"labels": "observed_delta"} if attack == "levenberg_marquardt" and client["kind"] == "fedsgd" else {}
    if attack == "levenberg_marquardt" and client["kind"] == "fedavg":
        client = {"kind": "fedavg"}
    asked = experiment(
        attack={"kind": attack, **ATTACKS[attack], **labels}, client=client, defenses=[DEFENSES[defense]]
    )
    assert not [p for p in problems(asked) if p.fatal]
    built, pictures = machine(asked)
    state, step = advance(built, built.init(0), 2)
    assert step.images.shape[1:] == pictures.shape and torch.isfinite(built.answer(state)[0]).all()
    assert math.isfinite(float(step.losses["total"].min()))


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
    from gi_core.attacks.past_bottleneck import past_bottleneck
    from gi_core.spec import ATTACKS

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
