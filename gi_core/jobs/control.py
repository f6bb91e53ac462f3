"""Pause, resume and cancel as transitions of a job's state; each is idempotent.

A waiting job obeys at once. One that a worker has is only asked: it obeys between iterations.
"""

from __future__ import annotations

import sqlite3
import time

from gi_core.settings import SpecError

ACTIONS = ("pause", "resume", "cancel")

_SQL = {
    "pause": (
        "UPDATE jobs SET state = 'paused' WHERE id = :id AND state = 'queued'",
        "UPDATE jobs SET state = 'pausing', asked = 'pause', asked_at = :now"
        " WHERE id = :id AND state = 'running' AND asked = ''",
    ),
    "resume": (
        "UPDATE jobs SET state = 'running', asked = '' WHERE id = :id AND state = 'pausing' AND asked = 'pause'",
        "UPDATE jobs SET state = 'queued', asked = '', finished = NULL, error = NULL, result = NULL,"
        " attempts = 0, kills = 0 WHERE id = :id AND (state = 'paused'"
        " OR (:resumable AND kind IN ('run', 'federation') AND state IN ('cancelled', 'failed')))",
    ),
    "cancel": (
        "UPDATE jobs SET state = 'cancelled', finished = :now, asked = ''"
        " WHERE id = :id AND state IN ('queued', 'paused')",
        "UPDATE jobs SET asked = 'cancel', asked_at = :now"
        " WHERE id = :id AND state IN ('running', 'pausing') AND asked != 'cancel'",
    ),
}


def apply(connection: sqlite3.Connection, job_id: str, action: str, resumable: bool) -> bool:
    """Whether the action changed anything. resumable: the run has a checkpoint. Raises SpecError."""
    if action not in ACTIONS:
        raise SpecError(f"a run can be paused, resumed or cancelled, not {action!r}")
    values = {"id": job_id, "now": time.time(), "resumable": resumable}
    return any(connection.execute(sql, values).rowcount for sql in _SQL[action])


def again(connection: sqlite3.Connection, job_id: str) -> None:
    """For a sweep that goes on: ask anew for what failed or was cancelled, and take back a cancel not yet obeyed."""
    connection.execute(
        "UPDATE jobs SET state = 'queued', asked = '', finished = NULL, error = NULL, result = NULL, attempts = 0, kills = 0"
        " WHERE id = ? AND state IN ('failed', 'cancelled')",
        (job_id,),
    )
    connection.execute("UPDATE jobs SET asked = '' WHERE id = ? AND state = 'running' AND asked = 'cancel'", (job_id,))
