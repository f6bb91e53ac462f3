"""Arguments of the commands that write something to take away."""

from __future__ import annotations

import argparse

from gi_core.cli.run_options import JSON, written

WITHHOLD = "leave out the originals, and all that was computed from them, as an attacker sees it"


def report(parser: argparse.ArgumentParser) -> None:
    """`report ID... --out FILE`."""
    _ids(parser, "a run, several runs to compare, a sweep, a federation or an analysis")
    _out(parser, "a file that ends with .html (opens anywhere, without network) or .pdf (printed by Chromium)")
    parser.add_argument("--withhold", action="store_true", help=WITHHOLD)


def summary(parser: argparse.ArgumentParser) -> None:
    """`summary ID... --out FILE`."""
    _ids(parser, "a run, several runs or a sweep")
    _out(parser, "a file that ends with .html or .pdf")
    parser.add_argument("--withhold", action="store_true", help=WITHHOLD)


def _ids(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("id", metavar="ID", type=written, nargs="+", help=help)


def _out(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--out", metavar="FILE", type=written, required=True, help=help)
    parser.add_argument("--json", action="store_true", help=JSON)
