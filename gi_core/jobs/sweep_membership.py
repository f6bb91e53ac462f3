"""A sweep's jobs in the store: entered or shared, controlled together, forgotten together. Inside a transaction."""

from __future__ import annotations

import json
import sqlite3
import time

from gi_core.jobs import control as transitions
from gi_core.jobs import rows, titles
from gi_core.jobs.job import FINISHED, new_id
from gi_core.jobs.sweep_questions import Question, questions
from gi_core.jobs.sweep_tables import settle
from gi_core.settings.sweep import build_sweep

PRIORITY = -1
"""Below what a person asks of the batch lane: a federation does not wait for a thousand runs."""
_OVER = ",".join(f"'{state}'" for state in FINISHED)
LIVE_SWEEPS = f"SELECT id FROM jobs WHERE kind = 'sweep' AND (pinned OR state NOT IN ({_OVER}))"
KEPT = f"SELECT job FROM members WHERE job IS NOT NULL AND sweep IN ({LIVE_SWEEPS})"
"""Jobs that are not pruned: somebody waits for the whole."""


def enter(connection: sqlite3.Connection, sweep: str, owner: str, asked: list[Question], asker: str = "") -> None:
    """Give every question a job: an equal one that is done or on its way, else a new one at the end of the queue."""
    found: dict[tuple[str, str], str] = {}
    for question in asked:
        job, place = None, (question.role, question.key)
        if not question.refused:
            job = (
                found.get(place)
                or _equal(connection, question, owner)
                or _ask(connection, question, sweep, owner, asker)
            )
            found[place] = job
        connection.execute(
            "INSERT OR REPLACE INTO members (sweep, role, position, seed, key, point, job, refused)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (sweep, question.role, question.position, question.seed, question.key, json.dumps(question.point), job,
             question.refused or None),
        )  # fmt: skip


def _equal(connection: sqlite3.Connection, question: Question, owner: str) -> str | None:
    row = connection.execute(
        "SELECT id FROM jobs WHERE kind = ? AND cache_key = ? AND owner = ? AND asked = ''"
        " AND state IN ('done', 'running', 'queued') ORDER BY state = 'done' DESC, number DESC LIMIT 1",
        (question.role, question.key, owner),
    ).fetchone()
    return row["id"] if row else None


def _ask(connection: sqlite3.Connection, question: Question, sweep: str, owner: str, asker: str) -> str:
    job = new_id()
    connection.execute(
        "INSERT INTO jobs (id, kind, spec, title, lane, priority, parent, owner, asker, cache_key, created)"
        " VALUES (?, ?, ?, ?, 'batch', ?, ?, ?, ?, ?, ?)",
        (job, question.role, rows.encode(question.spec), titles.clean(question.title), PRIORITY, sweep,
         owner, owner or asker, question.key, time.time()),
    )  # fmt: skip
    return job


def control(connection: sqlite3.Connection, sweep: sqlite3.Row, action: str) -> None:
    """Pause, resume or cancel what the sweep has in the queue, but nothing that somebody else waits for.

    Resuming repeats nothing that is done; it asks again what failed, was cancelled or is no more. Raises SpecError.
    """
    number = sweep["id"]
    if action not in transitions.ACTIONS:
        transitions.apply(connection, number, action, False)  # says so
    if action == "resume":
        _resume(connection, sweep)
    elif sweep["state"] not in FINISHED:
        connection.execute("UPDATE jobs SET asked = ?, asked_at = ? WHERE id = ?", (action, time.time(), number))
        for job in _own(connection, number):
            transitions.apply(connection, job, action, False)
        if action == "cancel":  # the others' go on for them, and this sweep is over without
            connection.execute(
                f"UPDATE members SET job = NULL WHERE sweep = ? AND job IN (SELECT id FROM jobs WHERE state NOT IN"
                f" ({_OVER}) AND (asked != 'cancel'))",
                (number,),
            )
    settle(connection, number)


def _own(connection: sqlite3.Connection, sweep: str) -> list[str]:
    """Unfinished jobs of this sweep that no other unfinished sweep has, and that no person started.

    Last ones first: the triggers look for a job that goes on from the first one, and would look through all of those that
    were just stopped, a thousand times for a thousand.
    """
    found = connection.execute(
        f"SELECT c.id FROM members m JOIN jobs c ON c.id = m.job WHERE m.sweep = ? AND c.parent IS NOT NULL"
        f" AND c.state NOT IN ({_OVER}) AND NOT EXISTS (SELECT 1 FROM members o JOIN jobs s ON s.id = o.sweep"
        f" WHERE o.job = c.id AND o.sweep != m.sweep AND s.state NOT IN ({_OVER}, 'paused'))"
        " GROUP BY c.id ORDER BY min(m.role) DESC, min(m.position) DESC",
        (sweep,),
    )
    return [row["id"] for row in found.fetchall()]


def _resume(connection: sqlite3.Connection, sweep: sqlite3.Row) -> None:
    number = sweep["id"]
    connection.execute("UPDATE jobs SET asked = '', state = 'running', finished = NULL WHERE id = ?", (number,))
    found = connection.execute(  # first ones first, see `_own`
        "SELECT job FROM members WHERE sweep = ? AND job IS NOT NULL GROUP BY job ORDER BY min(role), min(position)",
        (number,),
    )
    for row in found.fetchall():
        transitions.apply(connection, row["job"], "resume", True)
        transitions.again(connection, row["job"])
    gone = connection.execute(
        "SELECT role, position, seed FROM members WHERE sweep = ? AND job IS NULL AND refused IS NULL", (number,)
    ).fetchall()
    if gone:
        wanted = {tuple(row) for row in gone}
        asked = questions(build_sweep(rows.held(sweep["spec"], {"damaged": True})))
        again = [q for q in asked if (q.role, q.position, q.seed) in wanted]
        enter(connection, number, sweep["owner"], again, sweep["asker"])


def leave(connection: sqlite3.Connection, sweep: str) -> list[str]:
    """Jobs that go with the sweep: its own, not pinned, that no other sweep has. The rest find another parent, or none."""
    connection.execute(
        "UPDATE jobs SET parent = (SELECT min(sweep) FROM members WHERE job = jobs.id AND sweep != ?) WHERE parent = ?"
        " AND (pinned OR id IN (SELECT job FROM members WHERE sweep != ?))",
        (sweep, sweep, sweep),
    )
    found = connection.execute("SELECT id FROM jobs WHERE parent = ?", (sweep,))
    return [row["id"] for row in found.fetchall()]
