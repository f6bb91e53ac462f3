"""Soteria, PRECODE and mixing: every attack runs on a round that is defended by one of them; what their tests share."""

from __future__ import annotations

import math

import pytest
import torch

from gi_core import data, networks
from gi_core.clients import play
from gi_core.settings import problems
from tests.victims import advance, experiment, machine

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
    model = networks.build(asked.model, pictures.images.shape[1:], asked.model.classes or pictures.classes)
    return play(asked, model, pictures, "cpu")


def reasons(**values) -> list[str]:
    return [p.reason for p in problems(experiment(**values)) if p.fatal]


def same(a, b) -> bool:
    return all(torch.equal(a.tensors[k], b.tensors[k]) for k in a.tensors) and a.tensors.keys() == b.tensors.keys()


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
    assert math.isfinite(float(step.losses["total"][step.best]))  # a trial that has not begun has no loss
