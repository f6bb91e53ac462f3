"""A sweep as its report reads it, and what follows from it: how bad, which defense held, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.analysis import frontier
from gi_core.experiments.sweeps import against, answers, table
from gi_core.experiments.sweeps.choices import default
from gi_core.jobs import sweeps
from gi_core.jobs.job import FINISHED
from gi_core.jobs.store import Store
from gi_core.metrics.words import of_row
from gi_core.reports import judging, taken
from gi_core.reports.parts import Level
from gi_core.reports.taken import Run
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep

MOST_SHOWN = 40
"""Runs whose pictures a report shows."""
WALL = {"Attack", "Defense"}
"""Names of a wall's axes."""
_ADVISED: dict[str, Level] = {"exposed": "exposed", "partly": "partly", "protected": "protected", "open": "unknown"}
ADVICE: dict[Level, str] = {
    "exposed": "No defense here helps",
    "partly": "A defense helps, at a price",
    "protected": "A defense is advised, for what was measured",
    "unknown": "No advice yet",
}
"""Level of a frontier's advice -> a few words."""


@dataclass(frozen=True)
class Found:
    """A sweep as it stands. rows: of its table. shown: runs that are done, in order, as many as are shown."""

    id: str
    sweep: Sweep
    rows: list[dict[str, Any]]
    over: bool
    state: str
    shown: list[tuple[str, Run]]

    @property
    def kind(self) -> str:
        """Sweep, Frontier or Wall."""
        return kind_of(self.sweep)


def kind_of(sweep: Sweep) -> str:
    """Sweep, Frontier (defenses vary, with accuracy) or Wall (attacks against defenses)."""
    if sweep.utility is not None and any("defenses" in axis.changes(0) for axis in sweep.axes):
        return "Frontier"
    return "Wall" if {axis.name for axis in sweep.axes} == WALL else "Sweep"


def of_store(store: Store, number: str, truth: bool = True) -> Found:
    """What is kept of a sweep. Raises SpecError for an unknown one, and where its originals shall be withheld."""
    if not truth:
        raise SpecError("a sweep is measured against its originals: withhold them in the report of a single run")
    sweep, state = sweeps.sweep_of(store, number), sweeps.status(store, number).state
    done = [e for e in sweeps.members(store, number) if e.job is not None and e.job.state == "done"]
    shown = [(", ".join(e.point.values()), taken.of_job(store, e.job)) for e in done[:MOST_SHOWN] if e.job is not None]
    return Found(number, sweep, table.records(store, number), state in FINISHED, state, shown)


def levels(rows: Sequence[dict[str, Any]]) -> list[Level]:
    """Of every experiment but the controls; unknown where it has not ended with a picture."""
    return [of_row(row).level for row in against.without_controls(rows)]


def claims(found: Found) -> tuple[Level, str, list[str]]:
    """(level, the claim, what it rests on): the frontier's advice, or what the table answers."""
    if found.kind == "Frontier":
        advice = frontier.advice(frontier.points(found.rows, "psnr"), over=found.over)
        told = (advice.seen, against.told(found.rows), advice.limits)
        return _ADVISED[advice.level], advice.claim, [text for text in told if text]
    if found.kind == "Wall":
        level = judging.worst(levels(found.rows))
        controls = [text for text in (against.sentences(found.rows),) if text]
        return (
            level,
            " ".join(stopped(found.rows)),
            [*controls, "A cell is one run: another picture or seed may change it."],
        )
    said = answers.answer(found.rows, default(found.sweep))
    return judging.worst(levels(found.rows)), said.claim, [text for text in (said.seen, said.limits) if text]


def counted(found: Sequence[Level]) -> str:
    """How many experiments came out how."""
    parts = [f"{found.count(one)} {judging.HEADS[one].lower()}" for one in judging.ORDER if one in found]
    return f"Of {len(found)} experiments: " + ", ".join(parts) + "."


def limits(found: Found) -> list[str]:
    """What a sweep does not say."""
    said = [
        "Every point rests on the pictures, networks and attacks that are named here; others may answer otherwise.",
        "That an attack does not recover a picture proves no protection: more effort, or another attack, may recover it.",
    ]
    missing = sum(one == "unknown" for one in levels(found.rows))
    if missing:
        said.append(
            f"{missing} of {len(found.rows)} experiments gave nothing that was measured; they count as not known."
        )
    if not found.over:
        said.append("The sweep goes on: what is shown is what there was when this was written.")
    return said


def stopped(rows: Sequence[dict[str, Any]]) -> list[str]:
    """With which defenses no attack here got anything of the pictures, where several were tried."""
    groups: dict[str, list[Level]] = {}
    for row, level in zip(against.without_controls(rows), levels(rows), strict=True):
        groups.setdefault(str(row["defenses"]), []).append(level)
    if len(groups) < 2:
        return ["Defenses were not compared here, so what helps was not measured."]
    held = [name for name, group in groups.items() if set(group) == {"protected"} and name != "none"]
    if not held:
        return [f"None of the {len(groups) - ('none' in groups)} defenses tried stopped every attack on every picture."]
    return [f"The attacks tried here got nothing of the pictures with: {', '.join(held)}. Stronger ones may."]
