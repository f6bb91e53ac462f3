"""`report`, `summary`: what is stored as a file to take away."""

from __future__ import annotations

import argparse
import json

from gi_core.cli.storage import open_store
from gi_core.reports import subjects, writing


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


def _told(arguments: argparse.Namespace, place: object) -> int:
    print(json.dumps({"out": str(place)}) if arguments.json else place)
    return 0
