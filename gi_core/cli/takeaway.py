"""`report`, `summary`, `figure`, `table`, `cite`: what is stored as a file to take away."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gi_core.cli.storage import open_store
from gi_core.jobs.job import FOLLOWS
from gi_core.reports import grid, grid_files, latex, references, subjects, sweeps, swept, writing


def report(arguments: argparse.Namespace) -> int:
    """Write the report and print where it lies. Raises SpecError."""
    place = writing.writable(arguments.out, writing.ENDINGS, "a report")
    made = subjects.report_of(open_store(), arguments.id, not arguments.withhold)
    return _told(arguments, writing.write(made, place))


def summary(arguments: argparse.Namespace) -> int:
    """Write the summary and print where it lies. Raises SpecError."""
    place = writing.writable(arguments.out, writing.ENDINGS, "a summary")
    made = subjects.summary_of(open_store(), arguments.id, not arguments.withhold)
    return _told(arguments, writing.write(made, place))


def figure(arguments: argparse.Namespace) -> int:
    """Write the pictures as a figure for a paper and print where it lies. Raises SpecError."""
    place = writing.writable(arguments.out, grid_files.ENDINGS, "a figure")
    runs = subjects.runs_of(open_store(), arguments.id, not arguments.withhold)
    made = grid.of_runs(runs, arguments.width, arguments.columns, arguments.difference)
    return _told(arguments, writing.put(place, grid_files.content(made, place.suffix.lower())))


def table(arguments: argparse.Namespace) -> int:
    """Write the metrics as a LaTeX table, or print it. Raises SpecError."""
    place = writing.writable(arguments.out, (".tex",), "a table") if arguments.out else None
    store = open_store()
    first = subjects.known(store, arguments.id[0])
    if len(arguments.id) == 1 and first.kind == FOLLOWS:
        found = swept.of_store(store, first.id)
        text = latex.of_sweep(
            found.rows, sweeps.columns(found.rows, found.sweep), arguments.caption or found.sweep.name
        )
    else:
        text = latex.of_runs(subjects.runs_of(store, arguments.id), arguments.caption or "")
    return _text(arguments, place, text)


def cite(arguments: argparse.Namespace) -> int:
    """Write the papers whose methods were used as BibTeX, or print them. Raises SpecError."""
    place = writing.writable(arguments.out, (".bib",), "a list of references") if arguments.out else None
    runs = subjects.runs_of(open_store(), arguments.id)
    return _text(arguments, place, references.bibtex(references.of_runs(runs)))


def _text(arguments: argparse.Namespace, place: Path | None, text: str) -> int:
    if place is not None:
        return _told(arguments, writing.put(place, text.encode()))
    print(json.dumps({"text": text}) if arguments.json else text, end="\n" if arguments.json else "")
    return 0


def _told(arguments: argparse.Namespace, place: Path) -> int:
    print(json.dumps({"out": str(place)}) if arguments.json else place)
    return 0
