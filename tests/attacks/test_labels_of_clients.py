"""Attacks behind what a client does to its loss: labels are read, scales taken out, dropped features found."""

from __future__ import annotations

import pytest
import torch

from gi_core.clients import Knowledge, fedavg
from gi_core.experiments import preparing
from gi_core.settings.plan import Plan
from tests.clients.tiny import CLASSES, SIDE, batch, network


def sent_by(o: dict, labels: list[int], kind: str = "gradient"):
    """(update, knowledge) of one gradient, or a step, of a client with these settings on pictures of these labels."""
    from gi_core.clients.fedsgd import gradient, plain_step
    from gi_core.settings.client import FedSgd

    model, (x, _) = network(5), batch(len(labels), 7)
    settings = FedSgd(**o)
    loss = "cross_entropy" if settings.loss == "auto" else settings.loss
    terms = fedavg.terms_of(settings)
    update = gradient(model, x, torch.tensor(labels), loss, plain_step(loss, terms))
    return update, Knowledge(model, (1, SIDE, SIDE), CLASSES, (0.0,), (1.0,), loss=loss, terms=terms)


@pytest.mark.parametrize(
    "o",
    [
        {"reduction": "sum"},
        {"loss_scale": 1024.0},
        {"reduction": "sum", "loss_scale": 0.25},
        {"label_smoothing": 0.2},
        {"label_smoothing": 0.4, "reduction": "sum"},
        {"class_weights": "1/3/2/1"},
        {"class_weights": "1/3/2/1", "loss_scale": 4.0},
    ],
)
@pytest.mark.parametrize("strategy", ["bias_sign", "iterative"])
def test_labels_of_a_batch_are_read_behind_what_the_client_does_to_its_loss(o, strategy):
    from gi_core.attacks.base import Refused
    from gi_core.attacks.labels.report import label_report

    labels = [0, 1, 1, 3, 3, 3]
    found = label_report(*sent_by(o, labels))[strategy]
    if "class_weights" in o and strategy == "iterative":
        assert isinstance(found, str) and "weigh alike" in found
        return
    assert not isinstance(found, (str, Refused)) and found.tolist() == labels


def test_smoothing_that_turns_the_signs_round_does_not_hide_the_label():
    """Of a network surer than the smoothed label, dL/dz of the true class is positive: its logits tell."""
    from gi_core.attacks.labels.report import label_report

    update, knowledge = sent_by({"label_smoothing": 0.5}, [2])
    with torch.no_grad():
        knowledge.model[3].bias[2] += 6.0
    from gi_core.clients.fedsgd import gradient, plain_step

    x, _ = batch(1, 7)
    update = gradient(
        knowledge.model, x, torch.tensor([2]), "cross_entropy", plain_step("cross_entropy", knowledge.terms)
    )
    assert float(update.tensors["3.bias"][2]) > 0
    assert label_report(update, knowledge)["bias_sign"].tolist() == [2]


def test_a_scaled_sum_is_taken_out_exactly():
    from gi_core.attacks.client_round.scaling import unscaled

    plain, _ = sent_by({}, [0, 1, 2])
    for o in ({"reduction": "sum", "loss_scale": 0.25}, {"loss_scale": 8.0}):
        update, knowledge = unscaled(*sent_by(o, [0, 1, 2]))
        assert knowledge.terms.scale == 1 and knowledge.terms.reduction == "mean"
        for name, t in update.tensors.items():
            torch.testing.assert_close(t, plain.tensors[name], rtol=1e-5, atol=1e-7)


def test_what_was_dropped_shows_in_one_picture_and_is_said_of_several():
    from gi_core import attacks, clients
    from gi_core.data import load
    from gi_core.settings import build, parse_component

    for samples, says in (
        (["bundled/faces:3"], "are read from the update"),
        (["bundled/faces:3"] * 2, "residual is left"),
    ):
        asked = build({
            "samples": samples, "size": 12, "client": {"kind": "fedsgd", "dropout": 0.4}, "seed": 3,
            "model": parse_component("model", "lenet:width=6,init=uniform").model_dump(mode="json"),
            "attack": {"kind": "idlg" if len(samples) == 1 else "dlg", "iterations": 60},
        })  # fmt: skip
        pictures = load(asked)
        model, _ = preparing.prepare(asked, pictures)
        done = clients.play(asked, model, pictures, "cpu")
        machine = attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(onednn=False), device="cpu")
        state, step = machine.step(machine.init(0))
        assert any(says in event for event in step.events), step.events
        if len(samples) == 1:
            while not step.done:
                state, step = machine.step(state)
            found, labels = machine.answer(state)
            error = float((found.float() - torch.from_numpy(pictures.images)).square().mean())
            assert error < 1e-3 and labels.tolist() == done.labels.tolist()
