"""What becomes of a job whose worker died, by how it died.

| how | what becomes of its job |
|---|---|
| killed from outside, or nobody knows | goes on from its checkpoint, else starts again; put down, paused, after `MOST_KILLS` in a row without getting on |
| memory ran out, or the program crashed | fails at once with the reason: it would do so again |
| the worker ended with an error | starts again; fails the `MOST_DEATHS`th time without a new checkpoint |

A worker that died while it was starting, or idle, had no job.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from gi_core.jobs import allowances, rows
from gi_core.jobs.database import Database
from gi_core.jobs.job import ACTIVE
from gi_core.jobs.processes import OUT_OF_MEMORY, Process, Processes

MOST_DEATHS, MOST_KILLS = 3, 20
DEATHS = "its worker died {} times{} without getting on: the memory may not suffice"
ROLES = ("server", "worker", "command", "engine")
OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGQUIT}
NEARLY = 0.85
"""A worker that was killed above this share of its memory limit counts as killed for its memory, whoever killed it."""
HEARD_SECONDS = 3.0
"""After the last beat of a dead worker, within which the server that started it says how it ended."""
_UNREPEATED = "; it is not repeated"


@dataclass(frozen=True)
class Death:
    """how: killed, memory, crash, error, or beside (another job's fault). text: of the worker, "its worker ..."."""

    how: str
    text: str = "its worker died"
    blamed: str = ""

    def spares(self, job_id: str) -> bool:
        """Whether the death is not this job's fault: for a preview between two iterations of a run the run is not to blame."""
        return self.how in ("killed", "beside") or (self.blamed not in ("", job_id))


def death(entry: Process) -> Death:
    """How a dead worker died, by what the process that started it saw, and by the memory that it last held."""
    code = int(entry.ended) if entry.ended.lstrip("-").isdigit() else None
    held = allowances.readable(entry.bytes)
    if entry.ended == OUT_OF_MEMORY:
        return Death("memory", f"the system ended its worker as the memory was full, with {held} of it", entry.note)
    if code in (None, -signal.SIGKILL) and entry.bytes > NEARLY * allowances.memory(entry.lane):
        return Death("memory", f"its worker was ended with {held} of memory, about all that it may have", entry.note)
    if code is None or code == 0:
        return Death("killed")
    if code in OUTSIDE:
        return Death("killed", "its worker was killed from outside")
    if code < 0:
        return Death("crash", f"the program crashed ({signal.Signals(-code).name})", entry.note)
    return Death("error", blamed=entry.note)


def reclaim(database: Database, runs: Path) -> None:
    """Put the jobs of dead processes back into the queue, or end them, and forget those processes."""
    processes, alive = Processes(database), set()
    holders = forgotten(database, [])  # before the table is read: whoever holds a job had entered it by then
    for role in ROLES:
        for entry in processes.all(role):
            if entry.alive:
                alive.add(entry.id)
                continue
            if role == "worker" and not entry.ended and time.time() - entry.beat < HEARD_SECONDS:
                alive.add(entry.id)  # whoever started it has not said how it ended
                continue
            recover(database, runs, entry.id, role, death(entry) if role == "worker" else None)
            processes.leave(entry.id)
    for life in holders:
        if life not in alive:
            recover(database, runs, life)


def recover(database: Database, runs: Path, life: str, role: str = "worker", died: Death | None = None) -> list[str]:
    """Give back every job that the dead process held; the jobs' ids. See above for what becomes of them.

    A run of a command line waits, paused, for somebody to resume it.
    """
    with database.transaction() as connection:
        held = connection.execute(
            f"SELECT * FROM jobs WHERE worker = ? AND state IN ({','.join('?' * len(ACTIVE))})", (life, *ACTIVE)
        ).fetchall()
        for row in held:
            _give_back(connection, row, runs / row["id"] / "checkpoint.pt", role, died or Death("killed"))
    return [row["id"] for row in held]


def end(database: Database, runs: Path, life: str, job_id: str, reason: str) -> bool:
    """Fail a job that took more than it may, before its worker is ended; what else the worker held is given back."""
    with database.transaction() as connection:
        changed = connection.execute(
            "UPDATE jobs SET state = 'failed', error = ?, asked = '', worker = NULL, finished = ? WHERE id = ?"
            f" AND worker = ? AND state IN ({','.join('?' * len(ACTIVE))})",
            (reason, time.time(), job_id, life, *ACTIVE),
        ).rowcount
        if changed:
            _log(connection, job_id, reason)
    recover(database, runs, life, died=Death("beside", "its worker was ended over another job"))
    return bool(changed)


def forgotten(database: Database, lives: list[Process]) -> list[str]:
    """Ids of processes that hold a job but are not in the table."""
    known = {p.id for p in lives}
    rows = database.rows("SELECT DISTINCT worker FROM jobs WHERE state IN ('running', 'pausing') AND kind != 'sweep'")
    return [row["worker"] or "" for row in rows if row["worker"] not in known]


def _give_back(connection: sqlite3.Connection, row: sqlite3.Row, checkpoint: Path, role: str, died: Death) -> None:
    kept = checkpoint.stat().st_mtime if checkpoint.is_file() else None
    got_on = kept is not None and row["claimed"] is not None and kept > row["claimed"]
    attempts, kills = (1, 0) if got_on else (row["attempts"], row["kills"])
    kills += died.spares(row["id"])
    at = rows.held(row["progress"], {}).get("iteration")
    where = f" at iteration {at}" if at else ""
    state, text = _becomes(row, kept is not None, role, died, (attempts, kills), where)
    now, error = time.time(), text if state == "failed" else None
    finished = now if state in ("failed", "cancelled") else None
    notices = [*rows.held(row["notices"], []), text]
    connection.execute(
        "UPDATE jobs SET state = ?, asked = '', worker = NULL, interrupted = 1, attempts = ?, kills = ?, finished = ?,"
        " error = ?, notices = ? WHERE id = ?",
        (state, attempts, kills, finished, error, json.dumps(list(dict.fromkeys(notices))), row["id"]),
    )
    _log(connection, row["id"], text)


def _becomes(
    row: sqlite3.Row, kept: bool, role: str, died: Death, counts: tuple[int, int], where: str
) -> tuple[str, str]:
    """The job's next state, and the sentence about it."""
    attempts, kills = counts
    innocent = died.spares(row["id"])
    if row["asked"] == "cancel":
        return "cancelled", "its worker was stopped by force, as it did not answer to cancel"
    if role == "command" and not kept:
        return "failed", "the command that ran it ended before the first checkpoint"
    if row["state"] == "pausing" or role == "command":
        return "paused", f"its process died{where}: resume it to go on from the last checkpoint"
    if not innocent and died.how in ("memory", "crash"):
        return "failed", f"{died.text}{where}{_UNREPEATED}"
    if not innocent and attempts - kills >= MOST_DEATHS:
        return "failed", DEATHS.format(attempts - kills, where)
    if kills >= MOST_KILLS:
        text = f"its worker was killed {kills} times{where} before it got on"
        if row["kind"] in allowances.QUICK_KINDS:
            return "failed", text
        return "paused", f"{text}: resume it when that has come to an end"
    last = "its last round" if row["kind"] == "federation" else "the last checkpoint"
    again = f"goes on from {last}" if kept else "starts again"
    return "queued", f"{died.text if innocent else 'its worker died'}{where}; it {again}"


def _log(connection: sqlite3.Connection, job_id: str, text: str) -> None:
    connection.execute("INSERT INTO log (job, time, text) VALUES (?, ?, ?)", (job_id, time.time(), text))
