"""Small clients for tests: an Experiment, played, as (update, knowledge, pictures)."""

from __future__ import annotations

from typing import Any

import torch

from gi_core import clients, data, networks
from gi_core.attacks import make
from gi_core.attacks.base import Attack, State, Step
from gi_core.settings import Experiment, build
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

PLAN = Plan(onednn=False, chunk=8)


def experiment(**values: Any) -> Experiment:
    """A question on one small face, with the given fields replaced."""
    base = {"samples": ["bundled/faces:3"], "size": 8, "model": {"kind": "lenet", "width": 3, "init": "uniform"}}
    return build({**base, **values})


def play(asked: Experiment) -> tuple[Update, Knowledge, torch.Tensor]:
    """The client's round, and its pictures (N, C, H, W) in [0, 1]."""
    pictures = data.load(asked)
    model = networks.build(asked.model, pictures.images.shape[1:], asked.model.classes or pictures.classes)
    done = clients.play(asked, model, pictures, "cpu")
    update, knowledge = done.update, done.knowledge
    return update, knowledge, torch.from_numpy(pictures.images)


def machine(asked: Experiment, plan: Plan = PLAN) -> tuple[Attack, torch.Tensor]:
    """The attack of an experiment, and the pictures it must not see."""
    update, knowledge, pictures = play(asked)
    return make(asked.attack, update, knowledge, plan=plan, device="cpu"), pictures


def advance(attack: Attack, state: State, steps: int) -> tuple[State, Step]:
    """At most `steps` iterations."""
    for _ in range(steps):
        state, step = attack.step(state)
        if step.done:
            break
    return state, step
