"""`doctor` and `fetch`: what this machine has, and getting what it lacks."""

from __future__ import annotations

import argparse
import json

from gi_core.cli.progress import Bar
from gi_core.experiments import fetching
from gi_core.settings import SpecError
from gi_core.settings.library_network import is_library
from gi_core.settings.registry import suggestion


def doctor(arguments: argparse.Namespace) -> int:
    """Print device, data, weights and disk, with the remedy for what is missing."""
    from gi_core.cli.doctor import report

    rows = report()
    if arguments.json:
        keys = ("name", "ok", "detail", "remedy")
        print(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
        return 0
    width = max(len(row[0]) for row in rows) + 2
    for name, ok, detail, remedy in rows:
        print(f"{'ok' if ok else '--':4}{name:{width}}{detail}")
        if remedy and not ok:
            print(f"    {'':{width}}{remedy}")
    return 0


def fetch(arguments: argparse.Namespace) -> int:
    """Download one thing by name. Raises SpecError for an unknown one, and offline."""

    known = [*fetching.fetchable(), "lpips"]
    if arguments.name not in known and not is_library(arguments.name):
        hint = suggestion(arguments.name, known)
        raise SpecError(f"there is nothing called {arguments.name!r} to fetch: {hint}")
    bar = Bar()
    try:
        if arguments.name == "lpips":
            from gi_core.metrics.fetch import fetch as get

            place = get(bar.show)
        else:
            place = fetching.fetch(arguments.name, bar.show)
    finally:
        bar.close()
    print(f"{arguments.name}: {place}")
    return 0
