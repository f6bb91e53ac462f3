"""What a sweep asks of the queue: one question for each experiment, one for each training that accuracy is measured by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from gi_core.settings import Experiment, SpecError, problems
from gi_core.settings.federation import Federation
from gi_core.settings.federation_checks import federation_problems
from gi_core.settings.sentences import sentence
from gi_core.settings.sweep import Member, Sweep, members
from gi_core.settings.utility import Training, federation_of

Look = Callable[[Experiment], str]
"""What else stops an experiment, as a sentence; empty where nothing does."""


@dataclass(frozen=True)
class Question:
    """position: of the experiment. key: equal questions have equal keys. refused: why it is not asked; "" where it is."""

    role: str
    position: int
    key: str
    title: str
    spec: dict[str, Any] = field(repr=False)
    seed: int = 0
    point: dict[str, str] = field(default_factory=dict)
    refused: str = ""


@lru_cache(maxsize=8)
def _experiments(text: str) -> tuple[Member, ...]:
    return tuple(members(Sweep.model_validate_json(text)))


def experiments(sweep: Sweep) -> tuple[Member, ...]:
    """`settings.sweep.members`, kept: making hundreds of experiments takes a second, and pages ask every two. Raises SpecError."""
    return _experiments(sweep.model_dump_json())


def questions(sweep: Sweep, look: Look = lambda experiment: "") -> list[Question]:
    """Every experiment, each followed by those trainings of it that none before it needs. Raises SpecError."""
    asked: list[Question] = []
    seen: dict[tuple[str, int], Question] = {}
    for member in experiments(sweep):
        asked.append(_run(sweep, member, look))
        if sweep.utility is not None:
            asked += [_utility(sweep, sweep.utility, member, seed, seen) for seed in sweep.utility.seeds]
    return asked


def _named(sweep: Sweep, member: Member) -> str:
    return f"{sweep.name}: " + ", ".join(f"{k} {v}" for k, v in member.point.items()) if member.point else sweep.name


def _run(sweep: Sweep, member: Member, look: Look) -> Question:
    wrong = next((p.reason for p in problems(member.experiment) if p.fatal), "") or look(member.experiment)
    return Question(
        "run", member.position, member.experiment.key(), _named(sweep, member),
        member.experiment.model_dump(mode="json"), point=member.point, refused=wrong,
    )  # fmt: skip


def _utility(
    sweep: Sweep, trained: Training, member: Member, seed: int, seen: dict[tuple[str, int], Question]
) -> Question:
    """An attack has no part in a training, so most experiments share theirs."""
    e = member.experiment
    parts = (e.size, e.channels, e.normalise, e.model, e.client, e.defenses, e.device)
    known = seen.get((repr(parts), seed))
    if known is None:
        title = f"Accuracy of {_named(sweep, member)}"
        try:
            training = federation_of(e, trained, seed)
            wrong = next((p.reason for p in federation_problems(training) if p.fatal), "")
            spec, key = training.model_dump(mode="json"), training.key()
        except ValidationError as error:
            spec, key, wrong = {}, f"{e.key()}/{seed}", sentence(error, Federation)
        except SpecError as error:
            spec, key, wrong = {}, f"{e.key()}/{seed}", str(error)
        known = seen[repr(parts), seed] = Question("utility", member.position, key, title, spec, seed, refused=wrong)
    return Question("utility", member.position, known.key, known.title, known.spec, seed, {}, known.refused)
