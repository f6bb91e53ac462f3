"""Arguments of `lessons`."""

from __future__ import annotations

import argparse

from gi_core.cli.run_options import JSON, written


def add(parser: argparse.ArgumentParser) -> None:
    """Give the parser its arguments."""
    what = "a lesson of the program by its name, or your own as a TOML file; all are listed when left out"
    parser.add_argument("name", metavar="NAME|FILE", type=written, nargs="?", help=what)
    handout = "write the handout for the class here, .html or .pdf"
    parser.add_argument("--handout", metavar="FILE", type=written, help=handout)
    notes = "write the notes for the teacher here, with the answers, .html or .pdf"
    parser.add_argument("--notes", metavar="FILE", type=written, help=notes)
    run = "run its experiments and tell which prediction came true in each step"
    parser.add_argument("--run", action="store_true", help=run)
    parser.add_argument("--toml", action="store_true", help="print the file itself, to begin your own from it")
    parser.add_argument("--json", action="store_true", help=JSON)
