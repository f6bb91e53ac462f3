"""The report of a sweep; of one that is a frontier or a wall, with the advice or the table that its page shows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from gi_core.experiments.sweeps import ready
from gi_core.metrics.registry import METRICS
from gi_core.reports import charts, ending, judging, naming, pictures, protocol, references, taken
from gi_core.reports.parts import (
    Code,
    Facts,
    Heading,
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
from gi_core.reports.swept import ADVICE, Found, claims, counted, levels, limits, stopped
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep
from gi_core.settings.sweep_text import to_toml

_COLUMNS = (
    "person",
    "machine",
    "matched",
    "unique",
    "right",
    "parameters",
    "network_accuracy",
    "accuracy",
    "accuracy_std",
    "epsilon",
    "seconds",
)


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
    parts += [Heading("Made with"), Facts(tuple(ending.made([run for _, run in found.shown], found.id)))]
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


def _answer(found: Found) -> list[Part]:
    level, claim, rests = claims(found)
    how_many = counted(levels(found.rows))
    return [
        Verdict(level, judging.HEADS[level] if found.kind != "Frontier" else ADVICE[level], claim),
        Paragraph(how_many),
        *([Sentences(tuple(rests))] if rests else []),
    ]


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
        *((f"Base: {name.lower()}", value) for name, value in ending.asked.settings(base)),
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
    helps = [claim] if advised else [*stopped(found.rows), more]
    return Summary(
        title=found.sweep.name, asked=found.sweep.question or f"{len(found.rows)} experiments that differ in {_axes(found.sweep)}.",
        level=level, head=ADVICE[level] if advised else judging.HEADS[level], how_bad=counted(levels(found.rows)) + ("" if advised else " " + claim),
        how_sure=[f"{ended} of {len(found.rows)} experiments ended with a picture.", *rests], helps=helps, limits=limits(found), pictures=shown,
        source=found.id,
    )  # fmt: skip


def _axes(sweep: Sweep) -> str:
    return " and ".join(axis.name for axis in sweep.axes) or "what a file says"
