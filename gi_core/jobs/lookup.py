"""Runs as pages and the command line look at them. No torch.

Everything is addressed by a job's id, which is checked before it reaches a query or a path: an
unknown or malformed id reads as nothing (None or empty), and cannot be controlled (SpecError).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.common import paths
from gi_core.common.disk import disk
from gi_core.jobs import queue, quota, rows
from gi_core.jobs.database import Database
from gi_core.jobs.job import Job, Point, valid_id
from gi_core.jobs.snapshots import Snapshots, read_array
from gi_core.settings import SpecError


class Lookup:
    """What there is under GI_HOME.

    home: another folder than GI_HOME. viewer: with sign-in, only this owner's jobs exist; None
    sees all. asker: who takes turns in the queue where nobody signs in, such as a browser.
    Safe from threads and processes.
    """

    def __init__(self, home: Path | str | None = None, viewer: str | None = None, asker: str = "") -> None:
        self.home = Path(home) if home is not None else paths.home()
        self.viewer, self.asker = viewer, asker
        self.runs = self.home / "runs"
        with disk(self.home):
            self.runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.database = Database(self.home)

    def _row(self, job_id: str) -> sqlite3.Row | None:
        if not valid_id(job_id):
            return None
        row = self.database.row("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return row if row is not None and self.viewer in (None, row["owner"]) else None

    def _known(self, job_id: str) -> sqlite3.Row:
        row = self._row(job_id)
        if row is None:
            raise SpecError(f"there is no run {str(job_id)[:40]!r}")
        return row

    def job(self, id: str) -> Job | None:
        """The job as it stands, or None."""
        row = self._row(id)
        return rows.job(row) if row is not None else None

    def jobs(
        self, kinds: tuple[str, ...] | None = ("run",), states: tuple[str, ...] | None = None, search: str = "",
        limit: int = 200, parent: str | None = None, children: bool = False,
    ) -> list[Job]:  # fmt: skip
        """Newest first; search is a part of the title or of the question.

        parent: only the jobs that were asked by this sweep. children: those of all sweeps too.
        """
        where = ["1" if children or parent is not None else "parent IS NULL"]
        values: list[Any] = []
        for column, allowed in (("kind", kinds), ("state", states)):
            if allowed is not None:
                where.append(f"{column} IN ({','.join('?' * len(allowed))})")
                values += list(allowed)
        for column, wanted in (("owner", self.viewer), ("parent", parent)):
            if wanted is not None:
                where.append(f"{column} = ?")
                values.append(wanted)
        for word in search.split():
            where.append("(instr(lower(title), ?) OR instr(lower(spec), ?) OR id = ?)")
            values += [word.lower()] * 3
        sql = f"SELECT * FROM jobs WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?"
        return [rows.job(row) for row in self.database.rows(sql, (*values, max(0, limit)))]

    def place(self, id: str) -> int:
        """How many queued jobs come before it in its lane as turns go now; 0 when it is next or not waiting."""
        row = self._row(id)
        if row is None or row["state"] != "queued":
            return 0
        waiting = self.database.rows(
            "SELECT id, asker, priority, number FROM jobs WHERE state = 'queued' AND lane = ? AND"
            " (kind = 'preview') = ?",
            (row["lane"], int(row["kind"] == "preview")),
        )
        turns = self.database.rows(
            "SELECT asker, turn FROM turns WHERE lane = ?", (queue.among(row["lane"], row["kind"]),)
        )
        return queue.ahead(waiting, {t["asker"]: t["turn"] for t in turns}, id)

    def curve(self, id: str, after_iteration: int = 0) -> list[Point]:
        """Points of the curves after an iteration, ascending."""
        if self._row(id) is None:
            return []
        found = self.database.rows(
            "SELECT * FROM points WHERE job = ? AND iteration > ? ORDER BY iteration", (id, int(after_iteration))
        )
        return rows.points(found)

    def log(self, id: str) -> list[tuple[float, str]]:
        """What happened: (unix seconds, sentence), oldest first."""
        if self._row(id) is None:
            return []
        found = self.database.rows("SELECT time, text FROM log WHERE job = ? ORDER BY number", (id,))
        return [(row["time"], row["text"]) for row in found]

    def path(self, id: str) -> Path:
        """The run's folder. Raises SpecError for an unknown id."""
        return self.runs / self._known(id)["id"]

    def snapshots(self, id: str) -> list[int]:
        """Iterations that have a snapshot, ascending."""
        return Snapshots(self.path(id)).iterations() if self._row(id) is not None else []

    def snapshot(self, id: str, iteration: int) -> np.ndarray | None:
        """(T, N, H, W, C) uint8 at native size, or None (it may have been thinned away)."""
        return Snapshots(self.path(id)).read(iteration) if self._row(id) is not None else None

    def originals(self, id: str) -> np.ndarray | None:
        """(N, H, W, C) uint8, or None before the pictures were read."""
        return read_array(self.path(id) / "originals.npy") if self._row(id) is not None else None

    def disk_used(self) -> int:
        """Bytes of all runs and of the store."""
        return quota.used(self.database, self.runs)
