"""The defaults of FL gradient inversion look at the network: what is searched, and how smooth it is kept."""

from __future__ import annotations

import pytest

from gi_core import attacks, clients, data
from gi_core.experiments import preparing
from gi_core.settings import build
from gi_core.settings.plan import Plan


def _machine(model: dict, mode: str = "train", size: int = 32, **attack):
    asked = build({
        "samples": ["bundled/faces:0"], "size": size, "channels": 3, "model": model, "labels": [0],
        "client": {"kind": "fedavg", "batch_norm": mode}, "attack": {"kind": "fl_gradient_inversion", **attack},
    })  # fmt: skip
    pictures = data.load(asked)
    network, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, network, pictures, "cpu")
    return attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(), device="cpu")


@pytest.mark.parametrize(
    ("model", "mode", "searched", "smooth"),
    [
        ({"kind": "convnet", "depth": 4, "width": 4}, "train", "pixels", 1e-2),
        ({"kind": "convnet", "depth": 8, "width": 4}, "train", "pixels", 1e-1),
        ({"kind": "resnet20"}, "train", "deep_image_prior", 1e-3),
        ({"kind": "resnet20"}, "eval", "pixels", 1e-2),
        ({"kind": "resnet20", "norm": "group"}, "train", "pixels", 1e-2),
    ],
)
def test_what_is_searched_depends_on_the_batch_norms_in_train_mode(model, mode, searched, smooth):
    o = _machine(model, mode).o
    assert (o.parametrisation, o.total_variation) == (searched, smooth)


def test_the_choice_is_said_and_what_was_set_stands():
    machine = _machine({"kind": "resnet20"}, iterations=1)
    _, step = machine.step(machine.init(0))
    assert any("an untrained decoder" in event and "21 batch norms" in event for event in step.events)
    o = _machine({"kind": "resnet20"}, parametrisation="pixels", total_variation=0.5, learning_rate=0.2).o
    assert (o.parametrisation, o.total_variation, o.learning_rate, o.batch_norm_weight) == ("pixels", 0.5, 0.2, 0.1)


def test_an_old_question_keeps_its_settings():
    """Documents written before name every value."""
    old = {"kind": "fl_gradient_inversion", "parametrisation": "pixels", "total_variation": 0.01, "learning_rate": 0.03}
    settled = build({"attack": old | {"batch_norm_weight": 0.1}}).attack.settled(20)
    assert settled.model_dump() == build({"attack": old | {"batch_norm_weight": 0.1}}).attack.model_dump()
