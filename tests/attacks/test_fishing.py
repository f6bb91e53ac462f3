"""A server that fishes: what it makes of a batch's update is the gradient of one picture, and every attack takes it so."""

from __future__ import annotations

import pytest
import torch

from gi_core import attacks
from gi_core.attacks.adaptive.past_fishing import none_of_class
from gi_core.clients.fedsgd import gradient
from gi_core.clients.round import normalised
from gi_core.common.progress import silent
from gi_core.experiments.setup import Question, ask
from gi_core.settings import ATTACKS, DEFENSES, SpecError, build, problems
from gi_core.settings.plan import Plan
from tests.attacks.test_table import CLOSED, FITTING, TINY_ATTACKS, TINY_DEFENSES

CPU = torch.device("cpu")
LENET = {"kind": "lenet", "width": 4, "classes": 5, "init": "uniform"}


def question(labels: list[int], server: dict | None = None, **changes) -> Question:
    values = {
        "samples": [f"bundled/faces:{k}" for k in range(len(labels))], "labels": labels, "size": 12, "channels": 3,
        "model": LENET, "server": server or {"kind": "fishing", "of_class": 2}, "device": "cpu",
        "attack": {"kind": "inverting_gradients", "labels": "auto"},
    }  # fmt: skip
    return ask(build(values | changes), CPU, silent)


def of_its_pictures(asked: Question) -> dict[str, torch.Tensor]:
    """The gradient of the fished pictures alone, in the network that was sent."""
    model = asked.round.knowledge.model
    inputs = normalised(asked.pictures, CPU)
    found = gradient(model.requires_grad_(True), inputs, torch.full((len(inputs),), 2)).tensors
    model.requires_grad_(False)
    return found


@pytest.mark.parametrize(
    ("labels", "client"),
    [
        ([0, 2, 1, 3, 0, 1], {"kind": "fedsgd"}),
        ([2, 2, 1, 3, 0, 2], {"kind": "fedsgd"}),
        ([0, 2, 1, 3], {"kind": "fedsgd", "reduction": "sum", "loss_scale": 8.0}),
        ([0, 1, 2, 3, 4], {"kind": "fedavg", "epochs": 1, "clients": 2}),  # added up, of three and of two pictures
        ([0, 1, 2, 3], {"kind": "fedavg", "epochs": 1, "learning_rate": 1.0}),
    ],
)
def test_the_update_becomes_that_of_the_fished_pictures_alone(labels, client):
    asked = question(labels, client=client)
    assert asked.round.update.images == labels.count(2) == len(asked.pictures.images)
    assert set(asked.pictures.labels) == {2}
    near = 1e-3 if client.get("clients") else 1e-5  # a change is rounded where the bias -tau is
    for name, own in of_its_pictures(asked).items():
        seen = asked.round.update.tensors[name]
        assert float((seen - own).norm()) < near * float(own.norm()), name


def test_a_fished_batch_gives_what_its_picture_alone_would():
    asked = question([0, 1, 2, 3, 4, 0, 1, 3], attack={"kind": "peeling"})
    attack = attacks.make(asked.experiment.attack, asked.round.update, asked.round.knowledge, plan=Plan(), device=CPU)
    state, done = attack.init(0), False
    while not done:
        state, step = attack.step(state)
        done = step.done
    picture, label = attack.answer(state)
    assert int(label) == 2
    assert float((picture[0] - torch.from_numpy(asked.pictures.images[0])).square().mean()) < 1e-6


def test_where_no_picture_has_the_class_it_says_so():
    with pytest.raises(SpecError, match="fished in vain"):
        question([0, 1, 3])
    assert "class 7" in none_of_class(7)


def test_after_several_steps_the_update_is_that_of_the_whole_batch_and_says_so():
    asked = question([0, 1, 2, 3], client={"kind": "fedavg", "epochs": 2})
    assert asked.round.update.images == 4 and asked.round.update.kind == "weight_change"
    assert any("first local step" in notice for notice in asked.pictures.notices)


def test_a_head_that_is_not_sent_does_not_hide_the_picture():
    withheld = [{"kind": "withheld_layers", "which": "last", "count": 1}]
    asked = question([0, 1, 2, 3], defenses=withheld)
    name = next(iter(asked.round.update.tensors))
    own = of_its_pictures(asked)[name]
    assert float((asked.round.update.tensors[name] - own).norm()) < 1e-5 * float(own.norm())


@pytest.mark.parametrize("kind", [kind for kind in ATTACKS if kind not in ("imprint", "trained_part")])
def test_every_attack_runs_behind_a_server_that_fishes(kind):
    fitting = FITTING[kind]
    settings = {"kind": kind, **TINY_ATTACKS[kind]}
    asked = question([2, 0, 1, 3], **{**fitting, "model": {**fitting["model"], "classes": 5}, "attack": settings})
    assert not [p.reason for p in problems(asked.experiment) if p.fatal]
    attack = attacks.make(asked.experiment.attack, asked.round.update, asked.round.knowledge, plan=Plan(), device=CPU)
    state, step = attack.step(attack.init(0))
    assert step.images.shape[1:] == asked.pictures.images.shape
    assert kind in CLOSED or int(step.labels[0, 0]) == 2 or asked.experiment.attack.labels in ("joint", "auto")


@pytest.mark.parametrize("kind", DEFENSES)
def test_every_defense_goes_with_it_or_is_refused_in_a_sentence(kind):
    lm = {"kind": "levenberg_marquardt", **TINY_ATTACKS["levenberg_marquardt"], "adaptive": True}
    try:
        asked = question([0, 1, 2, 3], defenses=TINY_DEFENSES[kind], attack=lm)
        refused = [p.reason for p in problems(asked.experiment) if p.fatal]
        if not refused:
            made = attacks.make(
                asked.experiment.attack, asked.round.update, asked.round.knowledge, plan=Plan(), device=CPU
            )
            made.step(made.init(0))
    except (SpecError, attacks.Refused) as error:
        refused = [str(error)]
    assert all(len(reason) > 20 and "\n" not in reason for reason in refused)
    assert kind not in ("precode", "mixing") or refused
