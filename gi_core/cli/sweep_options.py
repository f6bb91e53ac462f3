"""Arguments of `sweep`."""

from __future__ import annotations

import argparse
from typing import Any

from gi_core.cli.run_options import JSON

_OPTIONS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("--resume", "ID", "go on with a sweep that was interrupted or cancelled: what is done is not repeated", {}),
    ("--controls", "RUN", "run the standing controls of a stored run: noise, another client's update, the prior alone", {}),
    ("--out", "DIR", "write sweep.json, rows.csv, rows.html and every run's files here", {}),
    ("--csv", "FILE", "write one row for each experiment here, as comma-separated values", {}),
    ("--html", "FILE", "write the same as one page", {}),
    (
        "--executor", "local|dask[:ADDRESS]",
        "who works on it: workers of this machine, or a Dask cluster (made here without an address)", {"default": "local"},
    ),
    ("--workers", "N", "how many workers on this machine; as many as it carries when left out", {"type": int}),
)  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    """Give the parser its arguments."""
    what = "the sweep, as TOML or JSON, or the name of a ready one (python -m gi_core list sweeps)"
    parser.add_argument("file", metavar="FILE", nargs="?", help=what)
    for option, metavar, help, more in _OPTIONS:
        parser.add_argument(option, metavar=metavar, help=help, **more)
    parser.add_argument("--json", action="store_true", help=JSON)
