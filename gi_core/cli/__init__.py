"""The command line: an experiment in, files and one JSON object out. Nothing here loads torch."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "attack": "attack", "invert": "invert", "audit": "audit", "rank": "rank", "influence": "influence", "inspect-model": "inspect_model", "federate": "federate", "sweep": "sweep", "reproduce": "reproduce", "check-deployment": "check_deployment", "lessons": "lessons", "list": "listing", "runs": "history", "report": "takeaway", "summary": "takeaway", "figure": "takeaway", "table": "takeaway", "cite": "takeaway", "doctor": "machine", "fetch": "machine", "app": "dashboard",
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 failed, 2 refused (one line on stderr), 3 withheld by an
    audit, 130 interrupted."""
    from gi_core.cli.parser import parse
    from gi_core.settings import SpecError

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries tell developers is no line of ours
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        if isinstance(arguments, int):
            return arguments
        module = import_module(f"gi_core.cli.{COMMANDS[arguments.command]}")
        return getattr(module, arguments.command.replace("-", "_"))(arguments)
    except SpecError as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def refuse(reason: str) -> int:
    """Say in one line on stderr what to change; the exit code of a refusal."""
    print("error: " + printable(" ".join(reason.split())), file=sys.stderr)
    return REFUSED


def printable(text: str) -> str:
    """The text as a terminal may show it: a file's name may hold signs that would move the cursor, colour it or turn the line around."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
