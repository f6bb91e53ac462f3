"""What a worker may write about the job it holds.

Every write names the worker, so one that lost its job (it was taken for dead, and the job given
to another) cannot write on: it gets `Lost`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gi_core.common.disk import DiskFull
from gi_core.jobs import queue, quota, rows
from gi_core.jobs.job import ACTIVE, Job, Point
from gi_core.jobs.snapshots import Snapshots
from gi_core.jobs.store import Store

_HELD = "id = ? AND worker = ? AND state IN ('running', 'pausing')"
_POINT = "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Lost(Exception):
    """The job belongs to another worker now, or was deleted."""


class Writer:
    """Writes of one worker, named by its life in the table of processes."""

    def __init__(self, store: Store, worker: str) -> None:
        self.store = store
        self.database = store.database
        self.worker = worker

    def claim(self, lane: str, kinds: tuple[str, ...] | None = None) -> Job | None:
        """Take the next job of a lane (`queue.first`). None when nobody waits."""
        some = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        waiting = f"SELECT 1 FROM jobs WHERE state = 'queued' AND lane = ?{some} LIMIT 1"
        if self.database.row(waiting, (lane, *(kinds or ()))) is None:
            return None
        with self.database.transaction() as connection:
            job_id = queue.first(connection, lane, kinds)
            return self._take(connection, job_id) if job_id is not None else None

    def take(self, job_id: str, apart: bool = False) -> Job | None:
        """Take this very job if it still waits (a command line runs its own). apart: as it was submitted."""
        with self.database.transaction() as connection:
            return self._take(connection, job_id, "paused" if apart else "queued")

    def _take(self, connection: sqlite3.Connection, job_id: str, state: str = "queued") -> Job | None:
        now = time.time()
        taken = connection.execute(
            "UPDATE jobs SET state = 'running', asked = '', worker = ?, attempts = attempts + 1,"
            " claimed = ?, started = coalesce(started, ?), finished = NULL WHERE id = ? AND state = ?",
            (self.worker, now, now, job_id, state),
        ).rowcount
        if not taken:
            return None
        row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        queue.took(connection, queue.among(row["lane"], row["kind"]), row["asker"])
        return rows.job(row)

    def folder(self, job_id: str) -> Path:
        """The job's folder, made if need be."""
        path = self.store.path(job_id)
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def asked(self, job_id: str) -> str:
        """What the person asked of it: "", "pause" or "cancel". Raises Lost."""
        row = self.database.row("SELECT asked, state, worker FROM jobs WHERE id = ?", (job_id,))
        if row is None or row["worker"] != self.worker or row["state"] not in ACTIVE:
            raise Lost(job_id)
        return row["asked"]

    def record(self, job_id: str, progress: dict[str, Any], points: list[Point]) -> None:
        """Replace what is said of the job's progress and add points to its curves."""
        values = [
            (job_id, p.iteration, p.seconds, rows.finite(p.rate), rows.encode(p.losses),
             rows.encode(p.trial_losses), p.best, rows.finite(p.psnr), rows.finite(p.ssim))
            for p in points
        ]  # fmt: skip
        with self.database.transaction() as connection:
            connection.executemany(_POINT, values)
            self._update(job_id, "progress = ?", rows.encode(progress))

    def thin_points(self, job_id: str, step: int) -> None:
        """Keep the first point, every step-th, and those with a picture."""
        self.database.write(
            "DELETE FROM points WHERE job = ? AND iteration > 1 AND iteration % ? != 0 AND psnr IS NULL",
            (job_id, max(1, step)),
        )

    def forget_points(self, job_id: str, after: int) -> None:
        """Drop points after an iteration: a run takes up from its checkpoint."""
        self.database.write("DELETE FROM points WHERE job = ? AND iteration > ?", (job_id, after))

    def log(self, job_id: str, text: str) -> None:
        """Add a line to the job's log."""
        self.database.write("INSERT INTO log (job, time, text) VALUES (?, ?, ?)", (job_id, time.time(), text[:2000]))

    def notice(self, job_id: str, text: str) -> None:
        """Say something on the job once; it goes to the log as well."""
        with self.database.transaction() as connection:
            row = connection.execute("SELECT notices FROM jobs WHERE id = ?", (job_id,)).fetchone()
            notices = rows.held(row["notices"], []) if row else None
            if notices is None or text in notices:
                return
            connection.execute("UPDATE jobs SET notices = ? WHERE id = ?", (rows.encode([*notices, text]), job_id))
            connection.execute("INSERT INTO log (job, time, text) VALUES (?, ?, ?)", (job_id, time.time(), text))

    def make_room(self, job_id: str) -> None:
        """Keep runs within their share of the disk before another one begins; what had to go is a notice of the job."""
        for notice in quota.prune(self.database, self.store.runs):
            self.notice(job_id, notice)

    def began_again(self, job_id: str) -> int:
        """Note that the job was started anew elsewhere, as its process was lost; returns how often it was started by now."""
        self._update(job_id, "attempts = attempts + 1, interrupted = 1, progress = '{}'")
        self.notice(job_id, "its worker was lost; it starts again")
        row = self.database.row("SELECT attempts FROM jobs WHERE id = ?", (job_id,))
        if row is None:
            raise Lost(job_id)
        return int(row["attempts"])

    def finish(
        self, job_id: str, state: str, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """End the job as done, failed or cancelled; the disk it takes is counted now."""
        folder = self.store.runs / job_id
        size = quota.folder_bytes(folder)
        set_ = "state = ?, result = ?, error = ?, finished = ?, asked = '', bytes = ?"
        values = (state, rows.encode(result) if result is not None else None, error, time.time(), size)
        try:
            self._update(job_id, set_, *values)
        except DiskFull:
            self._give_room(folder)
            self._update(job_id, set_, *values)

    def release(self, job_id: str) -> None:
        """Put a checkpointed job down as paused (queued again if it was resumed meanwhile)."""
        self._update(
            job_id, "worker = NULL, asked = '', state = CASE state WHEN 'pausing' THEN 'paused' ELSE 'queued' END"
        )

    def requeue(self, job_id: str) -> None:
        """Put a job back in the queue: its worker leaves, which is not the job's fault."""
        self._update(
            job_id,
            "worker = NULL, interrupted = 1, attempts = attempts - 1, asked = '',"
            " state = CASE WHEN asked = 'cancel' THEN 'cancelled' WHEN state = 'pausing' THEN 'paused'"
            " ELSE 'queued' END",
        )

    def drop_cache_key(self, job_id: str) -> None:
        """Forget the job's cache key, so that its answer is not given again."""
        self._update(job_id, "cache_key = NULL")

    def _update(self, job_id: str, assignments: str, *values: Any) -> None:
        changed = self.database.write(f"UPDATE jobs SET {assignments} WHERE {_HELD}", (*values, job_id, self.worker))
        if not changed:
            raise Lost(job_id)

    @staticmethod
    def _give_room(folder: Path) -> None:
        """On a full disk, give up some of the run's own snapshots so that its end can be written."""
        for name in os.listdir(folder) if folder.is_dir() else ():
            if name.endswith(".tmp"):
                (folder / name).unlink(missing_ok=True)
        snapshots = Snapshots(folder)
        kept = snapshots.iterations()
        while len(kept) > 2:
            kept = snapshots.thin(kept)
