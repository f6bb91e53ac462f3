"""`attack`: ask, refuse early, run in this process, report."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from gi_core.cli import DONE, FAILED, INTERRUPTED, files, printable, question, report
from gi_core.cli.progress import Bar
from gi_core.settings import Experiment, SpecError, problems
from gi_core.settings.own_network import OwnNetwork
from gi_core.types.result import Outcome

if TYPE_CHECKING:
    from gi_core.cli.runner import Runner

CODES = {"done": DONE, "failed": FAILED}
_QUESTION = (
    "experiment", "sample", "label", "size", "normalise", "model", "weights", "client", "server", "defense", "attack",
    "seed", "device", "set",
)  # fmt: skip


def attack(arguments: argparse.Namespace) -> int:
    """Run it; the exit code. Raises SpecError for what cannot be run."""
    asked = None
    if arguments.resume:
        given = [name for name in _QUESTION if getattr(arguments, name) is not None]
        if given:
            raise SpecError(f"--resume goes on with the run's own question: leave out --{given[0]}")
    else:
        asked = question.experiment(arguments)
    return perform(asked, arguments)


def perform(asked: Experiment | None, arguments: argparse.Namespace) -> int:
    """Run the question, or go on with `arguments.resume`; the exit code. Raises SpecError."""
    bar = Bar()
    if asked is not None:
        refuse_early(asked, bar)
    target = files.folder(arguments.out) if arguments.out else None
    bar.show(0.0, "starting", now=True)

    from gi_core.cli.runner import Runner  # torch loads here, after every cheap refusal

    runner = Runner(bar)
    try:
        document = runner.resume(arguments.resume) if asked is None else _started(runner, asked)
    finally:
        bar.close()
    if target is not None and document["status"] != "failed":
        document["out"] = str(target)
        files.export(runner.folder, target, document)
    return _tell(document, arguments.json)


def _started(runner: Runner, asked: Experiment) -> Outcome:
    """A run of a network of one's own is this process's alone: no worker may import its code."""
    own = isinstance(asked.model, OwnNetwork)
    runner.on_stop = "cancel" if own else "pause"
    return runner.start(asked, apart=own)


def refuse_early(asked: Experiment, bar: Bar) -> None:
    """Everything that is known without torch: parts that do not fit, pictures that cannot be read."""
    from gi_core import data

    for problem in problems(asked):
        if problem.fatal:
            raise SpecError(problem.reason)
        bar.say(f"note: {problem.reason}")
    data.load(asked)


def _tell(document: Outcome, as_json: bool) -> int:
    if document["status"] == "failed":
        print("error: " + printable(" ".join(str(document["error"]).split())), file=sys.stderr)
    elif document.get("resumable"):
        print(document["note"], file=sys.stderr)
    if as_json:
        print(json.dumps(document), flush=True)
    elif "metrics" in document:
        print(report.text(document))
    elif document["status"] == "cancelled" and not document.get("resumable"):
        print(f"run {document['run_id']} was cancelled before its first iteration", file=sys.stderr)
    return CODES.get(document["status"], INTERRUPTED)
