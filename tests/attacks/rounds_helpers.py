"""Small rounds of FedAvg, played by a client, and the matching of what it sent."""

from __future__ import annotations

import torch

from gi_core import data
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.matching.problem import MatchingProblem
from gi_core.clients import play as play_round
from gi_core.experiments import preparing
from gi_core.settings import Experiment
from tests.victims import PLAN, experiment

FACES = [f"bundled/faces:{i}" for i in (3, 5, 110, 120)]
NET = {"kind": "convnet", "width": 3, "depth": 3}
CPU = torch.device("cpu")


def ask(images: int = 4, attack: dict | None = None, **client) -> Experiment:
    return experiment(
        samples=FACES[:images], size=12, model=NET, client={"kind": "fedavg", "learning_rate": 1e-2, **client},
        attack={"kind": "inverting_gradients", "labels": "known", "iterations": 3, **(attack or {})},
    )  # fmt: skip


def play(asked: Experiment):
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    return play_round(asked, model, pictures, "cpu"), pictures


def problem(asked: Experiment) -> tuple[MatchingProblem, torch.Tensor]:
    done, _ = play(asked)
    sent = as_mean_gradient(done.update, done.knowledge.schedule)
    built = MatchingProblem(done.update, sent, done.knowledge, asked.attack.settled(), PLAN, CPU)
    return built, torch.stack([built.draw(0, t, 0) for t in range(asked.attack.trials)])
