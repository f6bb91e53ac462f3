"""How well a network learns under a defense: a Federation without attack, to one JSON object."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.common import whole_files
from gi_core.common.errors import Diverged, SpecError
from gi_core.common.memory_limit import memory_limit
from gi_core.experiments.federation.dataset import shards
from gi_core.experiments.federation.rounds import Carried, Simulation
from gi_core.experiments.progress import Report, reporter
from gi_core.experiments.setup import choose_device
from gi_core.jobs.rows import encode, finite
from gi_core.jobs.sink import Control
from gi_core.settings.accounting import of_federation
from gi_core.settings.federation import Federation, build_federation
from gi_core.settings.federation_checks import federation_problems
from gi_core.types.training import Learnt, Training

LAST = 0.1
"""Share of the rounds, the last ones, over which accuracy is a mean: with momentum single rounds jump by several points."""
LEAST_TESTED = 200
"""Test pictures below which pictures that no client was dealt are tested on too: one more right is then half a point."""


def answer(settings: Federation, folder: Path, report: Report = lambda fraction, text, found: None) -> Training:
    """Accuracy is the mean over the last rounds (`LAST`). A training that leaves the finite numbers is an answer too: chance,
    with a note. Raises SpecError.
    """
    began = time.monotonic()
    wrong = [p for p in federation_problems(settings) if p.fatal]
    if wrong:
        raise SpecError(wrong[0].reason)
    folder.mkdir(parents=True, exist_ok=True)
    whole_files.write_text(folder / "federation.json", settings.model_dump_json(indent=2))
    report(0.0, "reading the pictures", {"curve": []})
    with memory_limit():
        simulation = Simulation(settings, shards(settings, LEAST_TESTED), choose_device(settings.device))
    found = _train(simulation, report)
    labels, privacy = simulation.shards.test.labels, of_federation(settings)
    document: Training = finite({
        **found, "chance": _chance(labels), "classes": len(np.unique(labels)), "test_pictures": len(labels),
        "parameters": sum(p.numel() for p in simulation.start.parameters()), "rounds": settings.rounds,
        "epsilon": None if privacy is None else privacy.epsilon,
        "promise": None if privacy is None else privacy.sentence(), "seconds": time.monotonic() - began, "status": "done",
    })  # fmt: skip
    whole_files.write_text(folder / "result.json", encode(document))
    return document


def job(spec: dict[str, Any], folder: Path, control: Control, record: Callable[[dict[str, Any]], None]) -> Training:
    """The same as a worker does it: cancelled and paused between rounds; short enough to start anew after a pause."""
    return answer(build_federation(spec), folder, reporter(control, record))


def _train(simulation: Simulation, report: Report) -> Learnt:
    settings, model, carried = simulation.settings, simulation.start, Carried()
    curve, loss = [simulation.evaluate(model)[0]], None
    for number in range(1, settings.rounds + 1):
        report((number - 1) / settings.rounds, f"round {number} of {settings.rounds}", {"curve": curve})
        try:
            model = simulation.play(number, model, carried=carried).after
            accuracy, loss = simulation.evaluate(model)
        except Diverged:
            chance = _chance(simulation.shards.test.labels)
            note = f"training left the finite numbers in round {number}: what is left is as good as chance"
            return {"accuracy": chance, "loss": None, "curve": [*curve, chance], "note": note}
        curve.append(accuracy)
    last = curve[-max(1, round(LAST * settings.rounds)) :]
    return {"accuracy": float(np.mean(last)), "loss": loss, "curve": curve, "note": None}


def _chance(labels: np.ndarray) -> float:
    return float(np.bincount(labels).max() / len(labels))
