"""`sweep`: many experiments from a file of settings, by the same queue, workers and store as the pages'."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from typing import Any

from gi_core.cli import DONE, FAILED, INTERRUPTED, sweep_files
from gi_core.cli.interrupts import Interruptible
from gi_core.cli.progress import Bar, span
from gi_core.cli.sweep_file import Looked, named, trainable
from gi_core.jobs.job import FOLLOWS
from gi_core.jobs.sweeps import Entry, SweepStatus
from gi_core.metrics.intervals import counted
from gi_core.metrics.registry import LIVE, METRICS
from gi_core.settings import SpecError, build
from gi_core.settings.sweep import Sweep
from gi_core.workers import executors
from gi_core.workers.executors import Workforce

FOLLOW_SECONDS = 0.3
_CODES = {"done": DONE, "failed": FAILED, "incomplete": FAILED}


def sweep(arguments: argparse.Namespace) -> int:
    """Print one line for each experiment as it ends; with --json one object at the end. Raises SpecError."""
    if sum(map(bool, (arguments.file, arguments.resume, arguments.controls))) != 1:
        raise SpecError("give a file or the name of a ready sweep, or --controls RUN, or go on with one by --resume ID")
    executors.check(arguments.executor, arguments.workers)
    asked = named(arguments.file) if arguments.file else _controls(arguments.controls) if arguments.controls else None
    target = sweep_files.Target(arguments.out, arguments.csv, arguments.html)
    bar = Bar()
    bar.show(0.0, "starting", now=True)
    try:
        runner = Runner(bar, target, quiet=arguments.json)
        number = runner.resume(arguments.resume) if asked is None else runner.start(asked)
        document = runner.follow(number, runner.force(number, arguments.executor, arguments.workers))
    finally:
        bar.close()
    if document.get("resumable"):
        bar.say(document["note"])
    print(json.dumps(document) if arguments.json else _summary(document))
    return _CODES.get(document["status"], INTERRUPTED)


class Runner(Interruptible):
    """Puts the sweep into the queue, has it worked on, and prints what ends."""

    def __init__(self, bar: Bar, target: sweep_files.Target, quiet: bool) -> None:
        from gi_core.cli.storage import open_store

        self.bar, self.target, self.quiet = bar, target, quiet
        self.store = open_store()
        self._printed: set[int] = set()
        self._fresh = False

    def start(self, asked: Sweep) -> str:
        from gi_core.jobs import sweeps

        trainable(asked)
        before = {job.id for job in self.store.jobs(kinds=(FOLLOWS,), limit=10_000)}
        number = sweeps.start(self.store, asked, look=Looked())
        self._fresh = number not in before
        return number

    def resume(self, number: str) -> str:
        from gi_core.jobs import sweeps

        sweeps.status(self.store, number)  # says that there is none
        self.store.control(number, "resume")
        return number

    def force(self, number: str, executor: str, workers: int | None) -> Workforce:
        """Find who works on it; where nobody can, the sweep is taken back as if it had not been asked for. Raises SpecError."""
        try:
            return executors.chosen(executor, self.store, number, workers)
        except SpecError:
            self.store.control(number, "cancel" if self._fresh else "pause")
            if self._fresh:
                with suppress(SpecError):  # a server's worker was quicker: it stays, cancelled
                    self.store.delete(number)
            raise

    def follow(self, number: str, force: Workforce) -> dict[str, Any]:
        """See the sweep to its end, or to a pause; returns what the command prints."""
        from gi_core.jobs import sweeps

        began, counts, note = time.monotonic(), None, ""
        with self.signals(), force:
            while True:
                status = sweeps.status(self.store, number)
                if status.counts != counts:
                    counts = status.counts
                    self._print(sweeps.members(self.store, number), status)
                if status.over or status.state == "paused":
                    break
                if self.stopping and status.state != "pausing":
                    self.store.control(number, "pause")
                if force.note and force.note != note:
                    self.bar.say(f"note: {force.note}")
                note = force.note
                self.bar.show(status.fraction, _progress(status, self.stopping))
                force.look()
                force.wait(FOLLOW_SECONDS)
        return self._document(status, time.monotonic() - began)

    def _print(self, entries: list[Entry], status: SweepStatus) -> None:
        for entry in entries:
            if entry.position in self._printed or entry.state not in ("done", "failed", "refused"):
                continue
            self._printed.add(entry.position)
            if not self.quiet:
                self.bar.close()
                print(f"{entry.position + 1:>4}/{status.total}  {_line(entry)}", flush=True)

    def _document(self, status: SweepStatus, seconds: float) -> dict[str, Any]:
        from gi_core.analysis.frontier import stated
        from gi_core.experiments.sweeps import against, table
        from gi_core.jobs import sweeps
        from gi_core.reports.swept import kind_of

        rows = table.records(self.store, status.id)
        frontier = kind_of(sweeps.sweep_of(self.store, status.id)) == "Frontier"
        document = {
            "sweep_id": status.id, "name": status.name, "status": status.state, "total": status.total,
            "sentence": status.sentence or status.state, "counts": status.counts, "trainings": status.utility_counts, "seconds": seconds,
            "trainings_error": next((one.error for one in sweeps.utilities(self.store, status.id) if one.error), None),
            "controls": against.told(rows) if frontier else against.sentences(rows),
            "frontier": stated(rows, over=status.over) if frontier else None,
            **self.target.write(self.store, status.id),
        }  # fmt: skip
        if status.state == "done":
            return document
        note = f"{status.sentence or status.state}; go on with: python -m gi_core sweep --resume {status.id}"
        return document | {"resumable": True, "note": note} | ({"status": "cancelled"} if not status.over else {})


def _controls(run: str) -> Sweep:
    """The standing controls of a stored run. Raises SpecError."""
    from gi_core.cli.storage import open_store
    from gi_core.experiments.sweeps.control_sweep import controls_of
    from gi_core.reports import subjects

    found = subjects.known(open_store(), run)
    if found.kind != "run":
        raise SpecError(f"{run} is no run, so it has no standing controls: name a run of it")
    return controls_of(build(found.spec))


def _progress(status: SweepStatus, stopping: bool) -> str:
    if stopping:
        return "stopping: what runs is put down at its next checkpoint"
    ended = sum(status.counts.get(state, 0) for state in ("done", "failed", "refused"))
    parts = [f"{ended}/{status.total} experiments"]
    if status.utility_total:
        parts.append(f"{status.utility_counts.get('done', 0)}/{status.utility_total} trainings")
    if status.seconds_left is not None:
        parts.append(f"about {span(max(1.0, status.seconds_left))} left")
    return "  ".join(parts)


def _line(entry: Entry) -> str:
    point = ", ".join(f"{name} {label}" for name, label in entry.point.items())
    wrong = entry.refused or (entry.job.error if entry.job else None)
    if wrong:
        return f"{point}: {entry.state}: {wrong}"
    metrics = entry.job.metrics if entry.job else {}
    found = ", ".join(f"{METRICS[name].title} {METRICS[name].shown(metrics.get(name))}" for name in LIVE)
    return f"{point}: {found}"


def _summary(document: dict[str, Any]) -> str:
    counts = ", ".join(f"{n} {state}" for state, n in document["counts"].items())
    files = [document[k] for k in ("out", "csv", "html") if document[k]]
    where = f"; files in {', '.join(files)}" if files else ""
    lacking = document["trainings_error"]
    trained = ", ".join(f"{n} {state}" for state, n in document["trainings"].items())
    trained = f"; trainings: {trained}" + (f" ({lacking})" if lacking else "") if trained else ""
    took = f"after {document['seconds']:.0f} s"
    said = f"{document['sentence']}: " if document["status"] == "incomplete" else ""
    lines = [f"sweep {document['sweep_id']}: {said}{counts} of {document['total']} {took}{trained}{where}"]
    lines += _frontier(document["frontier"]) if document["frontier"] else []
    return "\n".join([*lines, *([document["controls"]] if document["controls"] else [])])


def _frontier(found: dict[str, Any]) -> list[str]:
    """A line for each point, then the advice with its limits."""
    shown = METRICS[found["metric"]].shown
    lines = []
    for p in found["points"]:
        low, high = (shown(end) for end in p["interval"])
        learns = f"accuracy {100 * p['accuracy']:.0f} %" if p["accuracy"] is not None else "accuracy not known"
        server = "" if p["server"] == "honest" else f", server {p['server']}"
        lines.append(
            f"{p['setting']}{server}: {counted(p['seen'], p['pictures'], 'pictures seen')}, median {shown(p['median'])} ({low} to {high}), {learns}"
        )
    return [*lines, found["advice"], *filter(None, (found["differences"], found["limits"]))]
