"""Sweeps in the store: started, looked at. A sweep is a job whose state follows its experiments'. No torch.

Pause, resume, cancel and delete are the store's own (`store.control(id, ...)`, `store.delete(id)`).
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from gi_core.jobs import quota, rows, sweep_membership
from gi_core.jobs.job import ACTIVE, FINISHED, FOLLOWS, Job, new_id
from gi_core.jobs.store import Store
from gi_core.jobs.sweep_entries import KEPT, MISSING, REFUSED, Entry, SweepStatus, UtilityEntry
from gi_core.jobs.sweep_questions import Look, questions
from gi_core.jobs.sweep_tables import settle
from gi_core.jobs.sweep_time import fraction, seconds_left
from gi_core.settings import SpecError
from gi_core.settings.client_base import SENDS_NOTHING
from gi_core.settings.sweep import Sweep, build_sweep

MOST_UNFINISHED = 5
_MARKS = ",".join("?" * len(FINISHED))


def start(store: Store, sweep: Sweep, owner: str = "", look: Look = lambda experiment: "") -> str:
    """Queue a sweep; its id. Experiments that are done or on their way are not asked again.

    An equal sweep that is there goes on instead. What `settings.check.problems` (or `look`) refuses is kept with its reason.
    Raises SpecError: no experiment can be run, too many sweeps are unfinished, or the disk is full.
    """
    owner = owner or store.viewer or ""
    asked = questions(sweep, look)
    runs = [q for q in asked if q.role == "run"]
    if all(q.refused for q in runs):
        raise SpecError(f"no experiment of the sweep can be run: {runs[0].refused}")
    notices = quota.prune(store.database, store.runs)
    with store.database.transaction() as connection:
        same = connection.execute(
            "SELECT * FROM jobs WHERE kind = ? AND cache_key = ? AND owner = ? ORDER BY number DESC LIMIT 1",
            (FOLLOWS, sweep.key(), owner),
        ).fetchone()
        if same is None or same["state"] in FINISHED:
            _bound(connection, owner)
        if same is not None:
            sweep_membership.control(connection, same, "resume")
            return same["id"]
        number, now = new_id(), time.time()
        connection.execute(
            "INSERT INTO jobs (id, kind, spec, title, state, lane, owner, asker, cache_key, created, started,"
            " notices) VALUES (?, ?, ?, ?, 'running', 'batch', ?, ?, ?, ?, ?, ?)",
            (number, FOLLOWS, rows.encode(sweep.model_dump(mode="json")), sweep.name, owner, owner or store.asker,
             sweep.key(), now, now, rows.encode(notices)),
        )  # fmt: skip
        sweep_membership.enter(connection, number, owner, asked, store.asker)
        settle(connection, number)
    return number


def _bound(connection: sqlite3.Connection, owner: str) -> None:
    unfinished = connection.execute(
        f"SELECT count(*) FROM jobs WHERE kind = ? AND owner = ? AND state NOT IN ({_MARKS})",
        (FOLLOWS, owner, *FINISHED),
    ).fetchone()[0]
    if unfinished >= MOST_UNFINISHED:
        raise SpecError(f"{unfinished} sweeps are unfinished: wait until one has ended, or cancel one")


def _parent(store: Store, id: str) -> Job:
    job = store.job(id)
    if job is None or job.kind != FOLLOWS:
        raise SpecError(f"there is no sweep {str(id)[:40]!r}")
    return job


def sweep_of(store: Store, id: str) -> Sweep:
    """The settings it was started with. Raises SpecError for an unknown id."""
    return build_sweep(_parent(store, id).spec)


def status(store: Store, id: str) -> SweepStatus:
    """Cheap enough to be asked every second. Raises SpecError for an unknown id."""
    parent = _parent(store, id)
    found = store.database.rows(
        "SELECT m.role AS role, m.position AS position, m.key || '/' || m.seed AS one, m.job AS job,"
        f" CASE WHEN c.state = 'failed' AND instr(c.error, ?) = 1 THEN '{KEPT}'"
        f" ELSE coalesce(c.state, CASE WHEN m.refused IS NULL THEN '{MISSING}' ELSE '{REFUSED}' END) END AS state"
        " FROM members m LEFT JOIN jobs c ON c.id = m.job WHERE m.sweep = ?",
        (SENDS_NOTHING, id),
    )
    counts: dict[str, dict[str, int]] = {"run": {}, "utility": {}}
    distinct: dict[tuple[str, Any], Any] = {}
    for row in found:  # equal experiments are counted each, a training once however many need it
        distinct[row["role"], row["position"] if row["role"] == "run" else row["one"]] = row
    for (role, _), row in distinct.items():
        counts[role][row["state"]] = counts[role].get(row["state"], 0) + 1
    running = store.database.rows(
        "SELECT DISTINCT c.id, c.progress FROM members m JOIN jobs c ON c.id = m.job"
        f" WHERE m.sweep = ? AND c.state IN ({','.join('?' * len(ACTIVE))})",
        (id, *ACTIVE),
    )
    progress = [rows.held(row["progress"], {}) for row in running]
    return SweepStatus(
        id=id, name=parent.title, state=parent.state,
        total=sum(counts["run"].values()), counts=counts["run"],
        fraction=1.0 if parent.state in ("done", "incomplete") else fraction(counts.values(), progress),
        seconds_left=None if parent.over else seconds_left(store.database, id, parent.created),
        utility_total=sum(counts["utility"].values()), utility_counts=counts["utility"],
        elsewhere=bool(parent.origin),
    )  # fmt: skip


def members(store: Store, id: str) -> list[Entry]:
    """All experiments, in order, with their jobs as they stand. Raises SpecError for an unknown id."""
    _parent(store, id)
    jobs = _jobs(store, id, "run")
    found = store.database.rows("SELECT * FROM members WHERE sweep = ? AND role = 'run' ORDER BY position", (id,))
    return [
        Entry(row["position"], rows.held(row["point"], {}), jobs.get(row["job"]), row["refused"] or "") for row in found
    ]


def utilities(store: Store, id: str) -> list[UtilityEntry]:
    """All trainings that accuracy is measured by. Raises SpecError for an unknown id."""
    _parent(store, id)
    jobs = _jobs(store, id, "utility")
    groups: dict[tuple[str, int], list[sqlite3.Row]] = {}
    for row in store.database.rows(
        "SELECT * FROM members WHERE sweep = ? AND role = 'utility' ORDER BY position, seed", (id,)
    ):
        groups.setdefault((row["key"], row["seed"]), []).append(row)
    return [
        UtilityEntry(
            tuple(row["position"] for row in group), seed, jobs.get(group[0]["job"]), group[0]["refused"] or ""
        )
        for (_, seed), group in groups.items()
    ]


def _jobs(store: Store, id: str, role: str) -> dict[str, Job]:
    found = store.database.rows(
        "SELECT * FROM jobs WHERE id IN (SELECT job FROM members WHERE sweep = ? AND role = ?)", (id, role)
    )
    return {row["id"]: rows.job(row) for row in found}
