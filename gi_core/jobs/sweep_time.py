"""How far a sweep is, and how long it will take: an experiment lasts as long as finished ones like it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from gi_core.jobs.database import Database
from gi_core.jobs.job import ACTIVE, FINISHED

ANSWERED = ("done", "failed", "refused")


def fraction(counts: Iterable[dict[str, int]], progress: list[dict[str, Any]]) -> float:
    """(answered + what the running ones have done of theirs) / all; in [0, 1]."""
    states = [(state, n) for count in counts for state, n in count.items()]
    done = sum(n for state, n in states if state in ANSWERED) + sum(_share(one) for one in progress)
    return min(1.0, done / sum(n for _, n in states))


def _share(progress: dict[str, Any]) -> float:
    """Share of a running job that is done: iterations done of those allowed, or what it says itself."""
    done, total = progress.get("iteration") or 0, progress.get("iterations") or 0
    return min(1.0, done / total if done and total else float(progress.get("fraction") or 0.0))


def seconds_left(database: Database, sweep: str, since: float) -> float | None:
    """Sum over unfinished jobs of the mean seconds of alike ones (job, attack, network), over how many run at once.

    since: when the sweep was asked; what was done before it took another machine's time, or another load.
    """
    found = database.rows(
        "SELECT DISTINCT c.id, c.state, c.claimed, c.finished, c.kind || '/' || coalesce(json_extract(c.spec,"
        " '$.attack.kind'), '') || '/' || coalesce(json_extract(c.spec, '$.model.kind'), '') AS alike"
        " FROM members m JOIN jobs c ON c.id = m.job WHERE m.sweep = ?",
        (sweep,),
    )
    now, everyone = time.time(), []
    spent: dict[str, list[float]] = {}
    for row in found:
        if row["state"] in FINISHED and row["claimed"] is not None and row["claimed"] >= since:
            took = max(0.0, row["finished"] - row["claimed"])
            spent.setdefault(row["alike"], []).append(took)
            everyone.append(took)
    running = [row for row in found if row["state"] in ACTIVE]
    if not everyone or not running:
        return None
    left = 0.0
    for row in found:
        known = spent.get(row["alike"], everyone)
        mean = sum(known) / len(known)
        if row["state"] == "queued":
            left += mean
        elif row["state"] in ACTIVE:
            left += max(0.0, mean - (now - (row["claimed"] or now)))
    return left / len(running)
