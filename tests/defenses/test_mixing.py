"""Mixing: shares, partners and labels of the mixtures, flipped signs, what does not go together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gi_core import data, defenses, networks
from gi_core.clients.round import normalised
from gi_core.networks.losses import as_target
from gi_core.settings import SpecError
from tests.defenses.test_representation import TWO, played, reasons, same
from tests.victims import experiment


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
    model = networks.build(asked.model, pictures.images.shape[1:], pictures.classes)
    x, labels = normalised(pictures, torch.device("cpu")), torch.from_numpy(pictures.labels)
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
    x = normalised(pictures, torch.device("cpu"))
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
    assert "needs 2 or more" in reasons(defenses=[batch, {"kind": "mixing", "partners": "public"}])[0]
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
    from gi_core.clients.fedsgd import gradient

    model = networks.build(experiment().model, (1, 8, 8), 2)
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    ends = [gradient(model, x, torch.tensor([k]), loss).tensors for k in (0, 1)]
    middle = gradient(model, x, torch.tensor([[0.25, 0.75]]), loss).tensors
    for name, tensor in middle.items():
        torch.testing.assert_close(tensor, 0.25 * ends[0][name] + 0.75 * ends[1][name], rtol=1e-4, atol=1e-6)
