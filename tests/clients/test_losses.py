"""Networks of one output and the client's loss: how labels map, what is trained, and what attacks match."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from gi_core import data
from gi_core.attacks import stream
from gi_core.attacks.labels import strategies
from gi_core.clients import play as play_round
from gi_core.clients.round import normalised
from gi_core.experiments import preparing
from gi_core.settings import SpecError, losses, problems
from tests.victims import advance, experiment, machine, play

ONE = {"kind": "custom", "layers": [{"kind": "conv", "channels": 6, "kernel": 5, "stride": 2, "padding": 2,
                                     "activation": "sigmoid", "bias": True}], "logits": "one"}  # fmt: skip
LENET = {"kind": "lenet", "width": 3, "init": "uniform"}


@pytest.mark.parametrize(
    ("classes", "positive", "words"),
    [
        (10, {2, 3, 4, 5, 6, 7}, "classes 2 to 7"),  # CIFAR-10's animals
        (2, {1}, "class 1"),
        (3, {1, 2}, "classes 1 to 2"),
        (5, {1, 2, 3}, "classes 1 to 3"),
        (100, set(range(20, 80)), "classes 20 to 79"),
    ],
)
def test_which_classes_are_positive(classes, positive, words):
    assert {k for k in range(classes) if losses.binary(k, classes)} == positive
    assert losses.positive(classes) == words


def test_loading_maps_labels_and_says_so():
    asked = experiment(samples=["bundled/astronaut", "bundled/cell"], labels=[0, 7], model={**ONE, "classes": 10})
    loaded = data.load(asked)
    assert loaded.labels.tolist() == [0, 1] and loaded.class_names == ("negative", "positive") and loaded.classes == 2
    assert any("one output: classes 2 to 7 of 10 count as positive" in n for n in loaded.notices)
    own = data.load(experiment(samples=["bundled/faces:3", "bundled/faces:150"], model=ONE))  # a set of two classes
    assert own.labels.tolist() == [0, 1] and not any("one output" in n for n in own.notices)
    with pytest.raises(SpecError, match="label 12 .* out of range"):
        data.load(experiment(samples=["bundled/astronaut"], labels=[12], model={**ONE, "classes": 10}))


def test_a_network_of_one_output_is_trained_to_tell_faces(gi_home):
    asked = experiment(model=ONE, size=16, weights={"kind": "trained", "data": "faces", "epochs": 8})
    model, info = preparing.prepare(asked, data.load(asked))
    assert info["accuracy"] > 0.8
    both = data.load(experiment(model=ONE, size=16, samples=[f"bundled/faces:{i}" for i in (0, 1, 2, 150, 151, 152)]))
    said = model(normalised(both, "cpu"))
    assert said.shape == (6, 1)
    assert float(((said[:, 0] > 0).numpy() == both.labels).mean()) > 0.6


def _by_torch(loss: str, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if loss == "logistic":
        return F.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
    if loss == "mse":
        return F.mse_loss(logits, labels[:, None].float() if logits.shape[1] == 1 else F.one_hot(labels, 4).float())
    return F.cross_entropy(logits, labels)


CASES = [(ONE, "auto", "logistic"), (ONE, "mse", "mse"), (LENET, "auto", "cross_entropy"), (LENET, "mse", "mse")]


@pytest.mark.parametrize(("model", "asked_loss", "loss"), CASES)
def test_the_update_is_the_gradient_of_that_loss(model, asked_loss, loss):
    asked = experiment(
        samples=["bundled/faces:3", "bundled/faces:150"], model={**model, "classes": 4},
        client={"kind": "fedsgd", "loss": asked_loss},
    )  # fmt: skip
    pictures = data.load(asked)
    network, _ = preparing.prepare(asked, pictures)
    done = play_round(asked, network, pictures, "cpu")
    update, knowledge = done.update, done.knowledge
    assert knowledge.loss == loss and knowledge.classes == (1 if model is ONE else 4)
    value = _by_torch(loss, network(normalised(pictures, "cpu")), torch.from_numpy(pictures.labels))
    for seen, made in zip(update.tensors.values(), torch.autograd.grad(value, list(network.parameters())), strict=True):
        torch.testing.assert_close(seen, made)


@pytest.mark.parametrize(("model", "asked_loss", "loss"), CASES)
@pytest.mark.parametrize("labels", ["known", "joint", "observed_delta"])
def test_gradient_matching_minimises_that_loss_too(model, asked_loss, loss, labels):
    """The true picture and label match exactly, and an attack gets closer to them."""
    asked = experiment(
        model=model, client={"kind": "fedsgd", "loss": asked_loss},
        attack={"kind": "dlg", "labels": labels, "trials": 1, "iterations": 12, "small_gradients": "published"},
    )  # fmt: skip
    attack, pictures = machine(asked)
    state = attack.init(1)
    first = attack.step(state)[1].losses["total"].min()
    state, step = advance(attack, attack.init(1), 12)
    assert step.losses["total"].min() < 0.2 * first
    if labels != "joint":  # at the true picture nothing is left to match
        true = attack.problem.space.pixels.encode(pictures.to(state["z"].dtype)).reshape(1, -1)
        assert float(attack.problem.evaluate(true)[1]["total"]) < 1e-9 < float(first)


@pytest.mark.parametrize("loss", ["auto", "mse"])
def test_levenberg_marquardt_solves_one_output(loss):
    asked = experiment(
        model={**ONE, "seed": 2}, client={"kind": "fedsgd", "loss": loss},
        attack={"kind": "levenberg_marquardt", "labels": "known"},
    )  # fmt: skip
    attack, pictures = machine(asked)
    *_, (state, _) = stream(attack, attack.init(0))
    assert float(((attack.answer(state)[0] - pictures) ** 2).mean()) < 1e-4


@pytest.mark.parametrize("sample", ["bundled/faces:3", "bundled/faces:150"])
def test_labels_of_one_output_are_read_from_the_update(sample):
    asked = experiment(samples=[sample], model=ONE, attack={"kind": "idlg"})
    update, knowledge, _ = play(asked)
    true = data.load(asked).labels.tolist()
    assert strategies.bias_sign(update, knowledge).tolist() == true
    assert strategies.row_sign(update, knowledge).tolist() == true  # features of a sigmoid are positive


def test_a_reversed_label_is_the_one_the_network_gets_wrong():
    for seed in range(4):
        asked = experiment(model={**ONE, "seed": seed}, client={"kind": "fedsgd", "label": "reversed"})
        pictures = data.load(asked)
        network, _ = preparing.prepare(asked, pictures)
        done = play_round(asked, network, pictures, "cpu")
        logit = float(network(normalised(pictures, "cpu")).detach())
        assert done.labels.tolist() == [int(logit <= 0)]
        honest, _, _ = play(experiment(model={**ONE, "seed": seed}, labels=[int(logit <= 0)]))
        for a, b in zip(done.update.tensors.values(), honest.tensors.values(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("model", "client", "field", "says"),
    [
        (LENET, {"loss": "logistic"}, "client.loss", "the logistic loss needs one output"),
        (ONE, {"loss": "cross_entropy"}, "client.loss", "cross-entropy of one output is always zero"),
        (LENET, {"label": "reversed"}, "client.label", "a reversed label needs one output"),
    ],
)
def test_losses_and_labels_that_do_not_fit_are_refused(model, client, field, says):
    found = [p for p in problems(experiment(model=model, client=client)) if p.fatal]
    assert [p.field for p in found] == [field] and says in found[0].reason


@pytest.mark.parametrize("model", [ONE, LENET, {"kind": "cnn6"}, {"kind": "fcn3", "logits": "classes"}])
def test_what_fits_is_not_refused(model):
    for loss in ("auto", "mse"):
        assert not [p for p in problems(experiment(model=model, client={"loss": loss})) if p.fatal]
