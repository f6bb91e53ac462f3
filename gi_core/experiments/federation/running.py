"""A federation from its settings to one JSON object: for the command line and for a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gi_core.attacks import plan as plans
from gi_core.attacks.base import Refused
from gi_core.common import whole_files
from gi_core.common.errors import SpecError
from gi_core.common.memory_limit import memory_limit
from gi_core.experiments import estimate
from gi_core.experiments.federation import files
from gi_core.experiments.federation.clients import about, attacked
from gi_core.experiments.federation.dataset import shards
from gi_core.experiments.federation.record import record
from gi_core.experiments.federation.rounds import Carried, Played, Simulation
from gi_core.experiments.loop import Stopped
from gi_core.experiments.progress import Report, reporter
from gi_core.experiments.setup import choose_device
from gi_core.jobs import times
from gi_core.jobs.rows import encode, finite
from gi_core.jobs.sink import Control
from gi_core.settings.federation import Federation, build_federation
from gi_core.settings.federation_checks import federation_problems

PLAN_SECONDS = 0.5
Foresee = Callable[[times.Span], None]
TRAINING = 0.25
"""Share of a round's progress that training takes; attacks take the rest."""


def answer(
    settings: Federation, folder: Path, report: Report = lambda fraction, text, found: None, *, again: bool = True,
    foresee: Foresee | None = None,
) -> dict[str, Any]:  # fmt: skip
    """{settings, clients, start, rounds, notices, out, seconds, status}; status is done, or cancelled with what there was.

    clients: number, pictures and labels (counts by class name) of each. start, and each of `rounds`: accuracy and loss
    of the global network on pictures that no client has. folder: for pictures and recorded updates. again: go on from
    the state that is kept there, if any. foresee: is given how long all rounds take, once the first is trained. Raises SpecError, and Stopped when asked to pause.
    """
    wrong = [p for p in federation_problems(settings) if p.fatal]
    if wrong:
        raise SpecError(wrong[0].reason)
    try:
        return _Federation(settings, folder, report, foresee).to_end(again)
    except (MemoryError, torch.OutOfMemoryError):
        raise SpecError("the memory is full: choose a smaller network, smaller pictures or fewer clients") from None


def job(
    spec: dict[str, Any], folder: Path, control: Control, record: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """The same as a worker does it: cancelled and paused between iterations, progress recorded a few times a second.

    record is given stage, fraction, and what was found so far without the single pictures.
    """
    report = reporter(control, record, _short, lambda found: len(found.get("rounds") or ()))
    return answer(build_federation(spec), folder, report)


def _short(found: dict[str, Any]) -> dict[str, Any]:
    """The entry without what a chart does not need, as it is written anew at each step."""
    rounds = [
        {**r, "clients": [{k: v for k, v in c.items() if k != "per_image"} for c in r["clients"]]}
        for r in found.get("rounds") or ()
    ]
    return {**{k: v for k, v in found.items() if k not in ("settings", "spent")}, "rounds": rounds}


class _Federation:
    def __init__(self, settings: Federation, folder: Path, report: Report, foresee: Foresee | None = None) -> None:
        self.settings, self.folder, self.report, self.foresee = settings, folder, report, foresee
        self.began = time.monotonic()
        self.document: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)
        whole_files.write_text(folder / "federation.json", settings.model_dump_json(indent=2))

    def to_end(self, again: bool) -> dict[str, Any]:
        status = "done"
        try:
            self._say(0.0, "reading the pictures")
            self.device = choose_device(self.settings.device)
            with memory_limit():
                held = shards(self.settings)
            self.simulation = Simulation(self.settings, held, self.device)
            self._rounds(again)
        except Stopped as stop:
            if stop.asked != "cancel":
                raise
            status = "cancelled"
        seconds = self.document.pop("spent", 0.0) + time.monotonic() - self.began
        document = {"rounds": [], **self.document, "out": str(self.folder), "seconds": seconds, "status": status}
        whole_files.write_text(self.folder / "result.json", encode(document))
        checked: dict[str, Any] = finite(document)
        return checked

    def _rounds(self, again: bool) -> None:
        model = self.simulation.start
        kept = files.load_state(self.folder, self.settings.key(), model) if again else None
        self.document = kept.document if kept else about(self.simulation)
        carried = kept.carried if kept else Carried()
        for number in range((kept.rounds if kept else 0) + 1, self.settings.rounds + 1):
            began = time.process_time()
            played = self.simulation.play(number, model, partial(self._trains, number), carried)
            accuracy, loss = self.simulation.evaluate(played.after)
            if self.foresee is not None and number == 1:
                self.foresee(self._expected(played, time.process_time() - began))
            recorded = {c + 1: record(self.folder, self.simulation, played, c) for c in self._recorded(played)}
            clients = [self._attacked(played, client, place) for place, client in enumerate(played.seen)]
            entry = {
                "round": number, "accuracy": accuracy, "loss": loss, "took_part": [k + 1 for k in played.sent],
                "clients": [{**one, "files": recorded.get(one["client"])} for one in clients],
            }  # fmt: skip
            if self.settings.record == "all":
                entry["files"] = {str(c): names for c, names in recorded.items()}
            self.document["rounds"].append(finite(entry))
            model = played.after
            spent = {"spent": self.document.get("spent", 0.0) + time.monotonic() - self.began}
            state = files.State(number, model.state_dict(), {**self.document, **spent}, carried)
            files.save_state(self.folder, self.settings.key(), state)
            self._say(number / self.settings.rounds, f"round {number} of {self.settings.rounds} is done")

    def _expected(self, played: Played, training: float) -> times.Span:
        """The time that is left, by the first round: its training as it was measured, and attacks as its first update lets them be estimated."""
        asked = self.settings
        left = training * (asked.rounds - 1)
        attacks = sum(asked.attacks_in(n) for n in range(1, asked.rounds + 1)) * len(asked.victims)
        if played.seen and asked.attack is not None:
            done = next(iter(played.seen.values()))
            with suppress(Refused, SpecError):  # said when it is attacked
                plan = plans.measure(done.update, done.knowledge, asked.attack, self.device, PLAN_SECONDS)
                left += attacks * estimate.loop(asked.attack, done, self.device, plan, asked.seed, asked.attack_seconds)
        return times.expected(left, times.Span(0.0, 1.0).times(attacks + 1))

    def _attacked(self, played: Played, client: int, place: int) -> dict[str, Any]:
        """What the server reads from one client's update, judged by what that client has."""

        def tick(iteration: int, most: int) -> None:
            share = (place + (iteration / most if most else 0.0)) / len(played.seen)
            inside = TRAINING + (1 - TRAINING) * min(1.0, share)
            text = (
                f"round {played.number} of {self.settings.rounds}: attacking client {client + 1}, iteration {iteration}"
            )
            self._say((played.number - 1 + inside) / self.settings.rounds, text)

        return attacked(self.simulation, played, client, self.folder, tick)

    def _recorded(self, played: Played) -> list[int]:
        """Clients, from 0, whose updates become files."""
        kind = self.settings.record
        return list(played.sent if kind == "all" else played.seen if kind == "attacked" else ())

    def _trains(self, number: int, place: int, of: int) -> None:
        inside = TRAINING * place / of
        text = f"round {number} of {self.settings.rounds}: client {place + 1} of {of} trains"
        self._say((number - 1 + inside) / self.settings.rounds, text)

    def _say(self, fraction: float, text: str) -> None:
        self.report(fraction, text, self.document)
