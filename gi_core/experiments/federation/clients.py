"""What is said of a federation's clients: what each has, before the first round, and what is read from one under attack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from gi_core.analysis import uniqueness
from gi_core.attacks.base import Refused
from gi_core.common.errors import SpecError
from gi_core.experiments import certainty
from gi_core.experiments.federation import files
from gi_core.experiments.federation.attacking import Tick, attack
from gi_core.experiments.federation.leakage import leakage
from gi_core.experiments.federation.rounds import Played, Simulation
from gi_core.experiments.fished import as_fished, refuse_suspicious
from gi_core.experiments.fit.explaining import at_floor, left
from gi_core.metrics.claims import words
from gi_core.metrics.words import of_several
from gi_core.settings import accounting
from gi_core.settings.federation import round_of
from gi_core.types.attacker_parts import Attacker

WITHHELD = (
    "the clients withhold the statistics of batch norm, so the global network is tested with those of the test pictures"
)


def about(simulation: Simulation) -> dict[str, Any]:
    """The federation's document before the first round."""
    accuracy, loss = simulation.evaluate(simulation.start)
    test, clients = simulation.shards.test, []
    for k, mine in enumerate(simulation.shards.clients):
        counts = np.bincount(mine.labels, minlength=len(test.class_names))
        labels = {name: int(n) for name, n in zip(test.class_names, counts, strict=True) if n}
        clients.append({"client": k + 1, "pictures": len(mine.labels), "labels": labels})
    private = accounting.of_federation(simulation.asked)
    promised = [] if private is None else [f"{private.sentence()} Counted for the client with the fewest pictures."]
    return {
        "settings": simulation.asked.model_dump(mode="json"), "shape": list(test.images.shape[1:]),
        "parameters": sum(p.numel() for p in simulation.start.parameters()), "test_pictures": len(test.labels),
        "clients": clients, "prior": "the mean picture of the other clients" if len(clients) > 1 else None,
        "notices": [*promised, *([WITHHELD] if simulation.withheld else [])],
        "privacy": None if private is None else private.numbers(),
        "start": {"accuracy": accuracy, "loss": loss}, "rounds": [],
    }  # fmt: skip


def attacked(simulation: Simulation, played: Played, client: int, folder: Path, tick: Tick) -> dict[str, Any]:
    """What the server reads from the update of a client (from 0), judged by what that client has; its pictures in `folder`."""
    mine, done, asked = simulation.shards.clients[client], played.seen[client], simulation.asked
    entry: dict[str, Any] = {"client": client + 1, "pictures": len(mine.labels)}
    assert asked.attack is not None  # else no round is seen
    shown = simulation.exposing.of(client, mine, done) if not asked.server.changes else None
    if shown is not None:
        entry["exposure"] = shown
    if not asked.together:
        done = replace(done, knowledge=done.knowledge.alone())
    try:
        refuse_suspicious(round_of(asked), done)
        mine, done = as_fished(mine, done)
        found = attack(
            asked.attack, done.update, done.knowledge, asked.seed, simulation.device, asked.attack_seconds, tick
        )
    except (Refused, SpecError) as error:
        return {**entry, "error": str(error)}
    judged = leakage(found.images, mine.images, simulation.prior(client), simulation.shards.candidates(client))
    order = [e["matched"] for e in judged["per_image"]]
    true, read = done.labels.tolist(), [int(k) for k in found.labels[order]]
    values = [e["ssim"] for e in judged["per_image"]]
    drawn = files.pictures(folder, played.number, client + 1, found.images[order], mine.images, values)
    right = float(np.mean([a == b for a, b in zip(true, read, strict=True)]))
    answer = torch.from_numpy(found.images), torch.from_numpy(found.labels)
    rest = left(done.update, done.knowledge, *answer)
    fits = at_floor(done.update, done.knowledge, rest)
    share = None if rest is None else rest[0]
    sure = certainty.of_round(done, *answer, found.certificate, budget=uniqueness.SECONDS, left=share)
    known = words(cast(Attacker, {**fits, "certainty": sure}), of_several(judged["per_image"]))
    return {
        **entry, **judged, "certainty": sure, "words": known, "labels": {"true": true, "recovered": read, "accuracy": right}, "shown": drawn,
        "iterations": found.iterations, "seconds": found.seconds, "ended": found.note,
    }  # fmt: skip
