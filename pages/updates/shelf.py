"""Rounds that are on this machine already, recorded by a federation or as an example: by name, never by path."""

from __future__ import annotations

from dataclasses import dataclass

from gi_core.experiments.federation import opening
from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError
from pages.shared import form
from pages.shared.session import store
from pages.updates import names, question

MOST_JOBS, MOST_ROUNDS = 20, 100
_UPDATE = "updates_{}.npz"
_FILES = {
    "checkpoint": "{}_global.safetensors", "update": _UPDATE, "statistics": "batchnorm_{}.npz", "reference": "{}_private.png",
}  # fmt: skip


@dataclass(frozen=True)
class Round:
    """One client's round in the folder of a job. name: part of the names of its files."""

    job: str
    name: str
    title: str

    @property
    def key(self) -> str:
        """The round's name, as a widget holds it."""
        return f"{self.job}/{self.name}"


def rounds() -> list[Round]:
    """Newest jobs first, their rounds in order."""
    found: list[Round] = []
    for job in store().jobs(kinds=("federation", "record"), limit=MOST_JOBS):
        try:
            folder = store().path(job.id)
        except SpecError:
            continue
        for path in sorted(folder.glob(_UPDATE.format("*"))):
            name = path.stem.removeprefix("updates_")
            found.append(Round(job.id, name, _title(job, name)))
    return found[:MOST_ROUNDS]


def _title(job: Job, name: str) -> str:
    """Round 2, client 5 · faces, 5 clients."""
    parts = name.split("_")
    if job.kind == "federation" and len(parts) == 4 and parts[1].isdigit() and parts[3].isdigit():
        return f"Round {int(parts[1])}, client {int(parts[3])} · {job.title or 'federation'} · {job.id[:4]}"
    return f"Example · {job.id[:4]}"


def take(chosen: Round) -> Experiment:
    """Fill the form with it, one of `rounds`; what the form asks then. Raises SpecError where it is gone."""
    folder, job = store().path(chosen.job), store().job(chosen.job)
    document = "experiment.json" if job is not None and job.kind == "record" else f"{chosen.name}_experiment.json"
    given = {part: folder / pattern.format(chosen.name) for part, pattern in _FILES.items()}
    if (folder / document).is_file():
        asked = opening.for_browser(folder, document)
        question.fill(asked)
        for part in question.PARTS:
            if ref := getattr(asked.recorded, part):
                names.remember(ref, given[part].name, part)
        return asked
    question.clear()
    for part in ("checkpoint", "statistics", "update"):
        if given[part].is_file():
            ref = opening.keep(given[part])
            names.remember(ref, given[part].name, part)
            question.give(part, ref)
    return form.current()
