"""Arguments of the commands that write something to take away."""

from __future__ import annotations

import argparse
import math

from gi_core.cli.run_options import JSON, written
from gi_core.reports.widths import LEAST, MOST, MOST_COLUMNS, WIDTHS

WITHHOLD = "leave out the originals, and all that was computed from them, as an attacker sees it"
_RUNS = "a run, several runs, or a sweep for all of its runs"


def report(parser: argparse.ArgumentParser) -> None:
    """`report ID... --out FILE`."""
    _ids(parser, "a run, several runs to compare, a sweep, a federation or an analysis")
    _out(parser, "a file that ends with .html (opens anywhere, without network) or .pdf (printed by Chromium)", True)
    parser.add_argument("--withhold", action="store_true", help=WITHHOLD)


def summary(parser: argparse.ArgumentParser) -> None:
    """`summary ID... --out FILE`."""
    _ids(parser, "a run, several runs, a sweep or a federation")
    _out(parser, "a file that ends with .html or .pdf", True)
    parser.add_argument("--withhold", action="store_true", help=WITHHOLD)


def figure(parser: argparse.ArgumentParser) -> None:
    """`figure ID... --out FILE`."""
    _ids(parser, _RUNS)
    _out(parser, "a file that ends with .svg or .pdf; every pixel is kept", True)
    widths = ", ".join(f"{width:g} for {name}" for name, width in WIDTHS.items())
    usual = WIDTHS["one column"]
    parser.add_argument(
        "--width", metavar="MM", type=_width, default=usual, help=f"millimetres: {widths}; {usual:g} when left out"
    )
    parser.add_argument(
        "--columns", metavar="N", type=_columns, help="pictures in a row; a row for each private picture when left out"
    )
    parser.add_argument(
        "--difference", action="store_true", help="of one run, show the difference to the original as well"
    )
    parser.add_argument("--withhold", action="store_true", help=WITHHOLD)


def table(parser: argparse.ArgumentParser) -> None:
    """`table ID... [--out FILE]`."""
    _ids(parser, _RUNS)
    _out(parser, "a file that ends with .tex; printed when left out")
    parser.add_argument("--caption", metavar="TEXT", type=written, help="what stands above the table")


def cite(parser: argparse.ArgumentParser) -> None:
    """`cite ID... [--out FILE]`."""
    _ids(parser, _RUNS)
    _out(parser, "a file that ends with .bib; printed when left out")


def _ids(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("id", metavar="ID", type=written, nargs="+", help=help)


def _out(parser: argparse.ArgumentParser, help: str, required: bool = False) -> None:
    parser.add_argument("--out", metavar="FILE", type=written, required=required, help=help)
    parser.add_argument("--json", action="store_true", help=JSON)


def _width(word: str) -> float:
    try:
        found = float(word)
    except ValueError:
        found = math.nan
    if not LEAST <= found <= MOST:
        raise argparse.ArgumentTypeError(f"give a number of millimetres from {LEAST:g} to {MOST:g}")
    return found


def _columns(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 4 and 1 <= int(word) <= MOST_COLUMNS):
        raise argparse.ArgumentTypeError(f"give a whole number from 1 to {MOST_COLUMNS}")
    return int(word)
