"""`check-deployment`: what a server can read back in a deployment that is described by eight answers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.cli import DONE, INTERRUPTED, printable
from gi_core.cli.progress import Bar
from gi_core.cli.sweep import Runner
from gi_core.cli.sweep_files import Target
from gi_core.common.paths import user_path
from gi_core.deployment import ASKED, Deployment, Finding, costs, deployment, found, job_files, question
from gi_core.jobs.store import Store
from gi_core.reports import writing
from gi_core.types.job_reading import JobReading
from gi_core.workers import executors

ASKS = 3
"""Exit code where pictures can be read back, as an audit's that withholds."""


def check_deployment(arguments: argparse.Namespace) -> int:
    """Print the finding; with --json one object. Raises SpecError."""
    given = {name: getattr(arguments, name) for name in ASKED if getattr(arguments, name) is not None}
    asked, said = described(arguments.config or (), given)
    executors.check("local", arguments.workers)
    place = writing.writable(arguments.out, writing.ENDINGS, "a report") if arguments.out else None
    bar = Bar()
    for line in told(said) if said is not None and not arguments.json else ():
        bar.say(line)
    try:
        finding, store, note = measure(bar, asked, arguments.workers)
    finally:
        bar.close()
    if finding is None:
        bar.say(note)
        return INTERRUPTED
    if place is not None:
        from gi_core.reports.deployments import report

        writing.write(report(asked, finding, store), place)
    print(json.dumps(document(asked, finding, said), allow_nan=False) if arguments.json else _text(finding))
    return ASKS if finding.level == "exposed" else DONE


def described(files: Sequence[str], given: Mapping[str, str]) -> tuple[Deployment, JobReading | None]:
    """The answers of a job's files, those that are given before what the files say; and what was read. Raises SpecError."""
    if not files:
        return deployment(given), None
    paths = [user_path(file) for file in files]
    said = job_files.read([(path.name, job_files.content(path)) for path in paths]).document()
    return deployment({**said["answers"], **given}), said


def told(said: JobReading) -> list[str]:
    """What was read from which key, and what no file says, a line each."""
    lines = [f"{one['file']}: {one['key']} = {one['value']}: {one['text']}" for one in said["lines"]]
    return [printable(line) for line in (*lines, *(f"not told: {name}. {why}" for name, why in said["unsaid"].items()))]


def measure(bar: Bar, asked: Deployment, workers: int | None = None) -> tuple[Finding | None, Store, str]:
    """What was found, the store with the runs, and how to go on where a person stopped it. Raises SpecError."""
    from gi_core.experiments.sweeps import table

    rows: list[list[dict[str, Any]]] = []
    for sweep in filter(None, (question(asked), costs(asked))):
        runner = Runner(bar, Target(None, None, None), quiet=True)
        number = runner.start(sweep)
        ended = runner.follow(number, runner.force(number, "local", workers))
        if ended["status"] in ("paused", "cancelled"):
            return None, runner.store, ended["note"]
        rows.append(table.records(runner.store, number))
    return found(asked, rows[0], rows[1] if len(rows) > 1 else ()), runner.store, ""


def document(asked: Deployment, finding: Finding, said: JobReading | None = None) -> dict[str, Any]:
    """One object, as `--json` has it. said: what was read from files of a job."""
    return {
        **({} if said is None else {"read": said}),
        "answers": asked.model_dump(), "level": finding.level, "exposure": finding.exposure, "finding": f"{finding.head}: {finding.text}",
        "advice": finding.advice, "limits": list(finding.limits),
        "cases": [
            {
                "threat": one.case.threat, "measure": one.case.measure, "pictures": one.case.pictures, "updates": one.measured, "seen": one.seen,
                "traces": one.traces, "not_sent": one.kept, "failed": one.failed, "interval": one.interval, "level": one.level, "why": one.why,
                "best_run": one.best or None,
            }
            for one in finding.outcomes
        ],
    }  # fmt: skip


def _text(finding: Finding) -> str:
    lines = [f"{finding.head}. {finding.text}", ""]
    lines += [f"  {one.level:10} {one.case.title}: {one.share}" for one in finding.outcomes]
    lines += ["", finding.advice] if finding.advice else []
    return "\n".join([*lines, "", *(f"- {one}" for one in finding.limits)])
