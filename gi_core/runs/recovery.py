"""What becomes of a job whose worker died."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

from gi_core.runs import rows
from gi_core.runs.database import Database
from gi_core.runs.job import ACTIVE
from gi_core.runs.processes import Process, Processes

MOST_DEATHS = 3
DEATHS = "its worker died {} times{} without getting on: the memory may not suffice"
ROLES = ("server", "worker", "command", "engine")


def bury(database: Database, runs: Path) -> None:
    """Give back the jobs of dead processes, and strike them off."""
    processes, alive = Processes(database), set()
    holders = forgotten(database, [])  # before the table is read: whoever holds a job had entered it by then
    for role in ROLES:
        for entry in processes.all(role):
            if entry.alive:
                alive.add(entry.id)
                continue
            recover(database, runs, entry.id, role)
            processes.leave(entry.id)
    for life in holders:
        if life not in alive:
            recover(database, runs, life)


def recover(database: Database, runs: Path, life: str, role: str = "worker") -> list[str]:
    """Give back every job that the dead process held; the jobs' ids.

    A run goes on from its checkpoint, or from its start when it died before the first one; a job
    during which workers died `MOST_DEATHS` times without a new checkpoint is failed with the reason.
    A run of a command line waits, paused, for somebody to resume it.
    """
    with database.transaction() as connection:
        held = connection.execute(
            f"SELECT * FROM jobs WHERE worker = ? AND state IN ({','.join('?' * len(ACTIVE))})", (life, *ACTIVE)
        ).fetchall()
        for row in held:
            _give_back(connection, row, runs / row["id"] / "checkpoint.pt", role)
    return [row["id"] for row in held]


def forgotten(database: Database, lives: list[Process]) -> list[str]:
    """Lives that hold a job but are in no table."""
    known = {p.id for p in lives}
    rows = database.rows("SELECT DISTINCT worker FROM jobs WHERE state IN ('running', 'pausing') AND kind != 'sweep'")
    return [row["worker"] or "" for row in rows if row["worker"] not in known]


def _give_back(connection: sqlite3.Connection, row: sqlite3.Row, checkpoint: Path, role: str) -> None:
    kept = checkpoint.stat().st_mtime if checkpoint.is_file() else None
    got_on = kept is not None and row["claimed"] is not None and kept > row["claimed"]
    attempts = 1 if got_on else row["attempts"]
    now, at = time.time(), rows.held(row["progress"], {}).get("iteration")
    where = f" at iteration {at}" if at else ""
    error = None
    if row["asked"] == "cancel":
        state, text = "cancelled", "its worker was stopped by force, as it did not answer to cancel"
    elif role == "command" and kept is None:
        state, text = "failed", "the command that ran it ended before the first checkpoint"
        error = text
    elif row["state"] == "pausing" or role == "command":
        state, text = "paused", f"its process died{where}: resume it to go on from the last checkpoint"
    elif attempts >= MOST_DEATHS:
        state = "failed"
        text = error = DEATHS.format(attempts, where)
    else:
        state = "queued"
        start = "goes on from the last checkpoint" if kept is not None else "starts again"
        text = f"its worker died{where}; it {start}" if row["kind"] == "run" else "its worker died; it starts again"
    finished = now if state in ("failed", "cancelled") else None
    notices = [*rows.held(row["notices"], []), text]
    connection.execute(
        "UPDATE jobs SET state = ?, asked = '', worker = NULL, interrupted = 1, attempts = ?, finished = ?,"
        " error = ?, notices = ? WHERE id = ?",
        (state, attempts, finished, error, json.dumps(list(dict.fromkeys(notices))), row["id"]),
    )
    connection.execute("INSERT INTO log (job, time, text) VALUES (?, ?, ?)", (row["id"], now, text))
