"""`reproduce`: published numbers, measured here: each claim's experiments run as a sweep, and the verdict is said."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gi_core.cli import DONE, FAILED, INTERRUPTED, files
from gi_core.cli.progress import Bar, span
from gi_core.cli.sweep import Runner
from gi_core.cli.sweep_files import Target
from gi_core.common.paths import user_path
from gi_core.reproductions import (
    Budget,
    Claim,
    Measured,
    Setting,
    Study,
    asked,
    claims,
    findings_of,
    read_studies,
    setting_of,
    studies,
)
from gi_core.reproductions import records as kept
from gi_core.reproductions.telling import line, measured_text, published_text
from gi_core.settings import SpecError
from gi_core.settings.documents import MOST_BYTES
from gi_core.workers import executors


class Took(NamedTuple):
    """What one setting took. runs: its experiments, controls among them. seconds: on the clock, trainings and starts included."""

    title: str
    runs: int
    seconds: float


def reproduce(arguments: argparse.Namespace) -> int:
    """Print one line for each claim; with --json one object at the end. Raises SpecError."""
    among = studies() if arguments.file is None else _own(arguments.file)
    wanted = claims(tuple(arguments.ids), among)
    if arguments.list:
        return _list(wanted, among, arguments.json)
    executors.check("local", arguments.workers)
    if arguments.pictures_of is not None and arguments.pictures_of < 1:
        raise SpecError(f"{arguments.pictures_of} pictures measure nothing: give 1 or more")
    given, out = _given(arguments.pictures), None if arguments.out is None else _place(arguments.out)
    own = arguments.file is not None
    bar, began = Bar(), time.monotonic()

    took: list[Took] = []

    def told(now: Took, its: list[Claim], found: dict[str, Measured]) -> None:
        took.append(now)
        if out is not None:
            kept.keep(found, out)
        if not arguments.json:
            bar.close()
            for claim in its:
                print(line(claim, found[claim.id]), flush=True)
            print(f"{'':19} {now.title}: {now.runs} runs for {_claims(len(its))} in {span(now.seconds)}", flush=True)

    try:
        found, stopped = measure(
            wanted,
            among,
            arguments.budget,
            given,
            arguments.pictures_of,
            arguments.workers,
            own=own,
            bar=bar,
            told=told,
        )
    finally:
        bar.close()
    if arguments.json:
        known = found if own else kept.newer(kept.known(), found)
        rows, times = [row(one, known.get(one.id), among) for one in wanted], [one._asdict() for one in took]
        print(json.dumps({"claims": rows, "settings": times}, allow_nan=False))
    elif not stopped:
        verb = "was" if len(found) == 1 else "were"
        print(f"{_claims(len(found))} {verb} measured in {span(time.monotonic() - began)}")
        if len(found) < len(wanted):
            print(
                f"{len(wanted) - len(found)} were not: no experiment tests them, or not within this budget (--list tells)"
            )
    return INTERRUPTED if stopped else FAILED if any(one["value"] is None for one in found.values()) else DONE


def measure(
    wanted: tuple[Claim, ...], among: tuple[Study, ...], budget: Budget, given: Mapping[str, str], count: int | None, workers: int | None,
    *, own: bool, bar: Bar, told: Callable[[Took, list[Claim], dict[str, Measured]], None] = lambda took, its, found: None,
) -> tuple[dict[str, Measured], bool]:  # fmt: skip
    """Id of a claim -> what was measured, and whether a person stopped it. own: claims of a file, which are not kept.

    told: is told what came of each setting, and what it took. Raises SpecError.
    """
    from gi_core.reproductions.collecting import answers

    found: dict[str, Measured] = {}
    for setting, its in _groups(wanted, among):
        if setting is None or not setting.amount(budget).pictures:
            continue
        began = time.monotonic()
        sweep, pictures = asked(setting, budget, given, count)
        if not pictures.own:
            bar.say(f"{setting.title}: the publication's pictures are not here; it runs on {pictures.title}")
        runner = Runner(bar, Target(None, None, None), quiet=True)
        number = runner.start(sweep)
        document = runner.follow(number, runner.force(number, "local", workers))
        if document["status"] in ("paused", "cancelled"):
            bar.say(document["note"])
            return found, True
        new = answers(runner.store, number, its, pictures, budget, setting.whole(budget))
        found |= new
        if not own:
            kept.keep(new)
        told(Took(setting.title, len(sweep.experiments), time.monotonic() - began), its, new)
    return found, False


def _groups(wanted: tuple[Claim, ...], among: tuple[Study, ...]) -> list[tuple[Setting | None, list[Claim]]]:
    """Claims that the same runs answer, together."""
    groups: dict[str | None, list[Claim]] = {}
    for claim in wanted:
        groups.setdefault(claim.experiment, []).append(claim)
    return [(setting_of(its[0], among), its) for its in groups.values()]


def row(claim: Claim, found: Measured | None, among: tuple[Study, ...] | None = None) -> dict[str, Any]:
    """One object for each claim, as `--json` has it."""
    return {
        "id": claim.id, "paper": claim.paper, "where": claim.where, "claim": claim.claim, "published": claim.printed or None,
        "source_status": claim.source, "convention": claim.convention, "measured": found and found["value"],
        "interval": found and found["interval"], "unit": claim.unit, "n": found["pictures"] if found else 0,
        "verdict": found["verdict"] if found else "source unread" if claim.source == "unread" else "not measured",
        "controls": found["controls"] if found else {}, "accuracy": found and found["accuracy"],
        "otherwise": [one.text for one in findings_of(claim, among)], "missing": claim.missing, "details": found,
    }  # fmt: skip


def _claims(count: int) -> str:
    return "1 claim" if count == 1 else f"{count} claims"


def _list(wanted: tuple[Claim, ...], among: tuple[Study, ...], as_json: bool) -> int:
    known = kept.known()
    if as_json:
        print(json.dumps({"claims": [row(one, known.get(one.id), among) for one in wanted]}, allow_nan=False))
        return DONE
    names = {one.id for one in wanted}
    for study in among:
        its = [one for one in study.claims if one.id in names]
        if its:
            print(f"\n{study.system}")
        for claim in its:
            print(
                f"  {claim.id:24} published {published_text(claim):28} measured {measured_text(claim, known.get(claim.id))}"
            )
    return DONE


def _given(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, folder = pair.partition("=")
        if not equals or not name or not folder:
            raise SpecError(f"write {pair!r} as NAME=FOLDER, such as mnist=pictures/mnist")
        found[name] = str(Path(folder).expanduser().absolute())
    return found


def _own(name: str) -> tuple[Study, ...]:
    path = user_path(name)
    return read_studies({path.name: files.content(path, repr(name), MOST_BYTES)})


def _place(name: str) -> Path:
    path = user_path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise SpecError(f"cannot write {name!r}: give a file in a folder that exists")
    return path
