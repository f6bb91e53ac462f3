"""Arguments of `runs`."""

from __future__ import annotations

import argparse

MOST_RUNS = 1_000_000
REPORT = "write what came of it as one file too, .html or .pdf"
JSON = "print one JSON object as the last line of stdout"


def add(parser: argparse.ArgumentParser) -> None:
    """The actions and what each takes."""
    actions = parser.add_subparsers(
        dest="action", metavar="list|show|export|archive|import|cancel", parser_class=type(parser), required=True
    )
    listing = actions.add_parser("list", help="all runs, newest first", allow_abbrev=False)
    listing.add_argument("--search", type=written, default="", help="a part of the title or of the question")
    listing.add_argument("--limit", type=count, default=50, help="at most this many")
    of_sweep = "the runs that this sweep asked for, which are left out otherwise"
    listing.add_argument("--sweep", metavar="ID", type=written, help=of_sweep)
    show = actions.add_parser("show", help="one run", allow_abbrev=False)
    export = actions.add_parser("export", help="copy a run's files", allow_abbrev=False)
    export.add_argument("--out", metavar="DIR", help="where to; a folder named after the run when left out")
    archive = actions.add_parser(
        "archive", help="write a run or a sweep as a ZIP that another installation opens", allow_abbrev=False
    )
    archive.add_argument(
        "--out", metavar="FILE", type=written, help="a file that ends with .zip; named after the run when left out"
    )
    taken = actions.add_parser("import", help="take in what runs archive wrote", allow_abbrev=False)
    taken.add_argument("file", metavar="FILE", type=written, help="the ZIP")
    for one in (show, export, archive):
        one.add_argument("id", metavar="ID", type=written)
    cancel = actions.add_parser("cancel", help="end what waits or runs: one job, or several", allow_abbrev=False)
    cancel.add_argument("id", metavar="ID", type=written, nargs="?", help="a run, sweep, federation or any other job")
    cancel.add_argument("--mine", action="store_true", help="all that was asked on the command line")
    cancel.add_argument("--all", action="store_true", help="all, whoever asked")
    for one in (listing, show, export, archive, taken, cancel):
        one.add_argument("--json", action="store_true", help=JSON)


def written(word: str) -> str:
    """A word that the store can look up. A shell passes bytes that are no UTF-8 on as halves of characters."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("it is no text in UTF-8") from None
    return word


def count(word: str) -> int:
    """A number of runs, from 1 to `MOST_RUNS`."""
    if not (word.isascii() and word.isdigit() and len(word) <= 7 and 1 <= int(word) <= MOST_RUNS):
        raise argparse.ArgumentTypeError(f"give a whole number from 1 to {MOST_RUNS:,}")
    return int(word)
