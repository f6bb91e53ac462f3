"""A client that trains the head or adapters alone: the input of what trains in closed form, then a picture with these features."""

from __future__ import annotations

import pytest
import torch

from gi_core import attacks
from gi_core.attacks import Refused, stream
from gi_core.attacks.recursion.partial.features import Features
from gi_core.attacks.recursion.partial.machine import TrainedPart
from gi_core.common.progress import silent
from gi_core.experiments.setup import ask
from gi_core.settings import build, problems
from gi_core.settings.plan import Plan

MLP = {"kind": "mlp", "hidden": 16, "activation": "tanh", "classes": 4}
LENET = {"kind": "lenet", "width": 2, "activation": "tanh"}
DRAWN = {"trains": "adapter", "adapter_start": "trained"}


def asked(client, model=MLP, attack=None, pictures=1):
    return build({
        "samples": [f"bundled/faces:{k}" for k in range(pictures)], "size": 8, "model": model, "client": {"kind": "fedsgd", **client},
        "attack": {"kind": "trained_part", "inversion": 30, **(attack or {})},
    })  # fmt: skip


def made(experiment):
    question = ask(experiment, torch.device("cpu"), silent)
    done = question.round
    return question, attacks.make(experiment.attack, done.update, done.knowledge, plan=Plan(), device="cpu")


@pytest.mark.parametrize(
    ("client", "model", "path"),
    [({"trains": "head"}, MLP, "fc"), ({"trains": "head"}, LENET, "fc"), (DRAWN, MLP, "fc1"), (DRAWN, LENET, "fc")],
)
def test_the_input_of_what_trains_is_that_of_the_private_picture(client, model, path):
    question, machine = made(asked(client, model))
    known = question.round.knowledge
    x = (torch.tensor(question.pictures.images).double() - known.mean[0]) / known.std[0]
    true = Features(known.model, path)(x[None], x)[0][0, 0]
    found = [r for r in machine.reads if r.label == int(question.round.labels[0])]
    assert machine.reads[0].path == path and len(found) == 1 and found[0].misfit < 1e-5
    assert float((found[0].value - true).norm() / true.norm()) < 1e-4


def test_a_picture_that_the_adapters_read_themselves_comes_back():
    question, machine = made(asked(DRAWN))
    *_, (state, step) = stream(machine, machine.init(0))
    picture, labels = machine.answer(state)
    assert float((picture - torch.tensor(question.pictures.images)).square().mean()) < 1e-8
    assert labels.tolist() == question.round.labels.tolist() and "picture with these features was found" in step.note
    assert max(machine.residual(state).values()) < 1e-4


def test_an_answer_has_the_features_and_sends_what_was_sent():
    _, machine = made(asked({"trains": "head"}, LENET, {"labels": "known"}))
    *_, (state, _) = stream(machine, machine.init(0))
    assert state["left"] < 1e-10 and max(machine.residual(state).values()) < 1e-4


@pytest.mark.parametrize(
    ("client", "pictures", "said"),
    [
        ({}, 1, "trains all of the network"), ({"trains": "head"}, 2, "a mixture of the layer's inputs"),
        ({"trains": "adapter"}, 1, "A x alone shows"),
    ],
)  # fmt: skip
def test_where_it_does_not_apply_is_one_sentence_before_and_in_the_attack(client, pictures, said):
    experiment = asked(client, pictures=pictures, attack={"labels": "known"})
    assert [p.reason for p in problems(experiment) if p.fatal and said in p.reason]
    with pytest.raises(Refused, match=said):
        made(experiment)


def test_the_strongest_that_applies_tries_it():
    attack = {"kind": "auto", "iterations": 4, "labels": "known"}
    _, machine = made(build({**asked(DRAWN).model_dump(mode="json"), "attack": attack}))
    *_, (state, _) = stream(machine, machine.init(0))
    (one,) = [t for t in state["tried"] if t["kind"] == "trained_part"]
    assert one["best"] and one["residual"] < 1e-5
    assert isinstance(made(asked(DRAWN))[1], TrainedPart)
