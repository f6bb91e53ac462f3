"""The report of a sweep; of one that is a frontier or a wall, with the advice or the table that its page shows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.analysis import frontier
from gi_core.experiments.sweeps import answers, ready, table
from gi_core.experiments.sweeps.choices import default
from gi_core.jobs import sweeps
from gi_core.jobs.job import FINISHED
from gi_core.jobs.store import Store
from gi_core.metrics.registry import METRICS
from gi_core.metrics.words import word
from gi_core.reports import charts, judging, naming, pictures, protocol, references, runs, taken
from gi_core.reports.parts import (
    Code,
    Facts,
    Heading,
    Level,
    Paragraph,
    Part,
    Picture,
    Pictures,
    Report,
    Sentences,
    Table,
    Verdict,
)
from gi_core.reports.repeat import by_command
from gi_core.reports.summary import Summary, summary_pictures
from gi_core.reports.taken import Run
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep
from gi_core.settings.sweep_text import to_toml

MOST_SHOWN = 40
"""Runs whose pictures a report shows."""
WALL = {"Attack", "Defense"}
"""Names of a wall's axes."""
_COLUMNS = ("parameters", "network_accuracy", "accuracy", "accuracy_std", "epsilon", "seconds")
_ADVISED: dict[str, Level] = {"exposed": "exposed", "partly": "partly", "protected": "protected", "open": "unknown"}


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


def report(found: Found) -> Report:
    """The report of a sweep."""
    sweep = found.sweep
    parts: list[Part] = [*_answer(found)]
    drawn = charts.of_sweep(found.kind, found.rows, sweep)
    parts += [Heading("In a figure"), *drawn] if drawn else []
    parts += _pictures(found)
    parts += [Heading("Every experiment"), _table(found.rows, sweep)]
    parts += [Heading("The question"), Facts(tuple(_asked(found)))]
    parts += [Heading("What this does not say"), Sentences(tuple(limits(found)))]
    parts += [Heading("How it was measured"), Sentences(protocol.SENTENCES)]
    parts += [Heading("Made with"), Facts(tuple(runs.made([run for _, run in found.shown], found.id)))]
    parts += _again(found)
    entries = references.of_runs([run for _, run in found.shown])
    if entries:
        parts += [
            Heading("References"),
            Sentences(tuple(e.line for e in entries)),
            Code(references.bibtex(entries), "bibtex", "As BibTeX"),
        ]
    return Report(
        sweep.name, found.kind, sweep.question or "Many experiments that differ in what is named below.", tuple(parts)
    )


def levels(rows: Sequence[dict[str, Any]]) -> list[Level]:
    """Of every experiment; unknown where it has not ended with a picture."""
    return [judging.LEVELS.get(word(row), "unknown") for row in rows]


def claims(found: Found) -> tuple[Level, str, list[str]]:
    """(level, the claim, what it rests on): the frontier's advice, or what the table answers."""
    if found.kind == "Frontier":
        advice = frontier.advice(frontier.points(found.rows, "psnr"), over=found.over)
        return _ADVISED[advice.level], advice.claim, [text for text in (advice.seen, advice.limits) if text]
    if found.kind == "Wall":
        level = judging.worst(levels(found.rows))
        return level, " ".join(_stopped(found.rows)), ["A cell is one run: another picture or seed may change it."]
    said = answers.answer(found.rows, default(found.sweep))
    return judging.worst(levels(found.rows)), said.claim, [text for text in (said.seen, said.limits) if text]


def _answer(found: Found) -> list[Part]:
    level, claim, rests = claims(found)
    counted = _counted(levels(found.rows))
    return [
        Verdict(level, judging.HEADS[level] if found.kind != "Frontier" else _ADVICE[level], claim),
        Paragraph(counted),
        *([Sentences(tuple(rests))] if rests else []),
    ]


_ADVICE: dict[Level, str] = {
    "exposed": "No defense here helps",
    "partly": "A defense helps, at a price",
    "protected": "A defense is advised, for what was measured",
    "unknown": "No advice yet",
}


def _counted(found: Sequence[Level]) -> str:
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


def _pictures(found: Found) -> list[Part]:
    """The first picture of each run, each original once before the first that is of it."""
    items: list[Picture] = []
    seen: set[bytes] = set()
    for name, run in found.shown:
        if run.images is None:
            continue
        original = run.originals[0] if run.originals is not None else None
        if original is not None and original.tobytes() not in seen:
            seen.add(original.tobytes())
            items.append(Picture(f"Original: {naming.sample_name(str(run.spec['samples'][0]))}", original))
        entry = run.result["per_image"][0] if run.result and run.result["per_image"] else {}
        items.append(Picture(name, run.images[0], pictures.note(entry)))
    if not items:
        return []
    left = sum(row.get("state") == "done" for row in found.rows) - len(found.shown)
    more: list[Part] = [Paragraph(f"The pictures of {left} more runs are not shown.")] if left > 0 else []
    return [Heading("What came back"), Pictures(tuple(items), 6), *more]


def columns(rows: Sequence[dict[str, Any]], sweep: Sweep) -> list[str]:
    """The columns of its table that a reader looks at: axes, state, what was measured, and what else there is."""
    axes = [n if n in rows[0] else f"{n} (axis)" for n in (a.name for a in sweep.axes)] if rows else []
    measured = [name for name in (*METRICS, *_COLUMNS) if any(row.get(name) is not None for row in rows)]
    return ["position", *axes, "state", *measured]


def _table(rows: Sequence[dict[str, Any]], sweep: Sweep) -> Table:
    names = columns(rows, sweep)
    head = tuple(METRICS[n].axis if n in METRICS else n.replace("_", " ").removesuffix(" (axis)") for n in names)
    return Table(head, tuple(tuple(row.get(n) for n in names) for row in rows), f"{len(rows)} experiments")


def _asked(found: Found) -> list[tuple[str, str]]:
    sweep = found.sweep
    base = taken.Run("", "", "", sweep.base.model_dump(mode="json"), None)
    axes = [(f"Varies: {a.name}", ", ".join(a.label(k) for k in range(len(a.values)))) for a in sweep.axes]
    return [
        ("State", found.state),
        *axes,
        *((f"Base: {name.lower()}", value) for name, value in runs.asked.settings(base)),
    ]


def _again(found: Found) -> list[Part]:
    known = next((key for key, one in ready().items() if one == found.sweep), None)
    try:
        name, text, language = "sweep.toml", to_toml(found.sweep), "toml"
    except SpecError:
        name, text, language = "sweep.json", found.sweep.model_dump_json(indent=1), "json"
    parts: list[Part] = [
        Heading("To repeat it"),
        Code(shlex.join(["python", "-m", "gi_core", "sweep", known or name]), "bash"),
    ]
    if known is not None:
        return [*parts, Code(by_command(["sweep", known]), "python")]
    program = by_command(["sweep", name], name, text)
    return [*parts, Code(text, language, f"The file {name}"), Code(program, "python", "The same from Python")]


def summary(found: Found) -> Summary:
    """The sweep on one page."""
    level, claim, rests = claims(found)
    worst = sorted((run for _, run in found.shown), key=lambda r: judging.ORDER.index(judging.level(r)))[:2]
    shown = summary_pictures(worst)
    ended = sum(row.get("state") == "done" for row in found.rows)
    advised = found.kind == "Frontier"
    more = "A frontier compares defenses by what leaks and by what they cost in accuracy."
    helps = [claim] if advised else [*_stopped(found.rows), more]
    return Summary(
        title=found.sweep.name, asked=found.sweep.question or f"{len(found.rows)} experiments that differ in {_axes(found.sweep)}.",
        level=level, head=_ADVICE[level] if advised else judging.HEADS[level], how_bad=_counted(levels(found.rows)) + ("" if advised else " " + claim),
        how_sure=[f"{ended} of {len(found.rows)} experiments ended with a picture.", *rests], helps=helps, limits=limits(found), pictures=shown,
        source=found.id,
    )  # fmt: skip


def _stopped(rows: Sequence[dict[str, Any]]) -> list[str]:
    """With which defenses no attack here got anything recognisable, where several were tried."""
    groups: dict[str, list[Level]] = {}
    for row, level in zip(rows, levels(rows), strict=True):
        groups.setdefault(str(row["defenses"]), []).append(level)
    if len(groups) < 2:
        return ["Defenses were not compared here, so what helps was not measured."]
    held = [name for name, group in groups.items() if set(group) == {"protected"} and name != "none"]
    if not held:
        return [f"None of the {len(groups) - ('none' in groups)} defenses tried stopped every attack on every picture."]
    return [f"The attacks tried here got nothing recognisable with: {', '.join(held)}. Stronger ones may."]


def _axes(sweep: Sweep) -> str:
    return " and ".join(axis.name for axis in sweep.axes) or "what a file says"
