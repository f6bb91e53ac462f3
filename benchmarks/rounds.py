"""After how many updates of the same picture it is exact: predicted by rank and measured by an attack, 50 networks drawn by a seed.

`python -m benchmarks.rounds [FIRST]` prints a line for each, from that number on, and the summary; `python -m benchmarks rounds` stores it. LeNets of one to three
channels, tanh or sigmoid, fresh weights, one face of 6, 8 or 10 pixels, updates in single precision, steps of 0.1 between rounds.
Measured: Levenberg-Marquardt on 1, 2, … updates together from a random start, four more where it fails; *exact* is below one grey
level of 255 per pixel, in the prediction and in the measurement alike.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

import torch

from gi_core import attacks
from gi_core.analysis.exposure import EXACT, until_exposed
from gi_core.attacks.base import stream
from gi_core.clients.round import normalised
from gi_core.clients.rounds import GRADIENT_RATE
from gi_core.common.threads import one_thread
from gi_core.experiments import setup
from gi_core.settings import build
from gi_core.settings.plan import Plan

COUNT, SEED, MOST = 50, 17, 4
CPU = torch.device("cpu")


def drawn() -> list[dict[str, Any]]:
    """The questions, always the same."""
    draw = random.Random(SEED)
    return [
        {
            "samples": [f"bundled/faces:{draw.randrange(200)}"], "size": draw.choice([6, 8, 10]),
            "model": {
                "kind": "lenet", "width": draw.choice([1, 1, 2, 3]), "activation": draw.choice(["tanh", "sigmoid"]),
                "seed": draw.randrange(1000),
            },
            "attack": {"kind": "levenberg_marquardt"}, "seed": draw.randrange(1000),
        }
        for _ in range(COUNT)
    ]  # fmt: skip


def rounds(first: int = 0) -> Iterator[dict[str, Any]]:
    """A row for each network from number `first` on, and the summary."""
    found = []
    for number, asked in list(enumerate(drawn()))[first:]:
        predicted, errors = _predicted(asked), []
        while len(errors) < MOST and not (errors and errors[-1] < EXACT):
            errors.append(_measured(asked, len(errors) + 1))
        measured = len(errors) if errors[-1] < EXACT else None
        row = {
            "number": number, "width": asked["model"]["width"], "activation": asked["model"]["activation"],
            "size": asked["size"], "ranks": [r["rank"] for r in predicted["rounds"]], "errors": errors,
            "expected": [r["expected_error"] for r in predicted["rounds"]], "predicted": predicted["exact_after"], "measured": measured,
        }  # fmt: skip
        found.append(row)
        yield row
    agree = sum(r["predicted"] == r["measured"] for r in found)
    yield {"networks": len(found), "agree": agree, "most": MOST}


def _asked(asked: dict[str, Any], count: int) -> setup.Question:
    client = {"kind": "fedsgd", "rounds": count}
    return setup.ask(build({**asked, "client": client}), CPU, lambda *_: None)


def _predicted(asked: dict[str, Any]) -> Any:
    question = _asked(asked, 1)
    x = normalised(question.pictures, CPU).double()
    return until_exposed(question.round.knowledge, x, question.round.labels, MOST, GRADIENT_RATE)


def _measured(asked: dict[str, Any], count: int) -> float:
    """Root mean square error per pixel of the attack on so many updates."""
    question = _asked(asked, count)
    done, settings = question.round, question.experiment.attack
    machine = attacks.make(settings, done.update, done.knowledge, plan=Plan(), device=CPU)
    *_, (state, _) = stream(machine, machine.init(question.experiment.seed))
    truth = torch.tensor(question.pictures.images)
    return float((machine.answer(state)[0] - truth).square().mean().sqrt())


if __name__ == "__main__":
    one_thread()
    for line in rounds(int(sys.argv[1]) if len(sys.argv) > 1 else 0):
        print(line, flush=True)
