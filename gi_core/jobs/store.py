"""Runs as pages and the command line see them: ask, look, control. No torch.

Everything is addressed by a job's id, which is checked before it reaches a query or a path: an
unknown or malformed id reads as nothing (None or empty), and cannot be controlled (SpecError).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.common import paths
from gi_core.common.disk import disk
from gi_core.jobs import control as transitions
from gi_core.jobs import queue, quota, rows, sweep_membership, titles
from gi_core.jobs.database import Database
from gi_core.jobs.job import ACTIVE, FOLLOWS, KINDS, LANES, Job, Point, lane_of, new_id, valid_id
from gi_core.jobs.snapshots import Snapshots, read_array
from gi_core.settings import SpecError

MOST_SPEC = 256 * 1024


class Store:
    """The runs under GI_HOME.

    home: another folder than GI_HOME. viewer: with sign-in, only this owner's jobs exist; None
    sees all. asker: who takes turns in the queue where nobody signs in, such as a browser.
    Safe from threads and processes; methods that write raise DiskFull (a SpecError).
    """

    def __init__(self, home: Path | str | None = None, viewer: str | None = None, asker: str = "") -> None:
        self.home = Path(home) if home is not None else paths.home()
        self.viewer, self.asker = viewer, asker
        self.runs = self.home / "runs"
        with disk(self.home):
            self.runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.database = Database(self.home)

    # asking

    def submit(
        self,
        kind: str,
        spec: dict[str, Any],
        *,
        lane: str = "interactive",
        priority: int = 0,
        parent: str | None = None,
        title: str = "",
        owner: str = "",
        cache_key: str | None = None,
    ) -> str:
        """Queue a job; its id. An unfinished or successful job of the same cache_key answers instead; without a key, an
        equal question of the same asker that waits or runs (asking twice is asking once).

        Jobs that read a person's files go to the lane that is for this. Raises SpecError when the queue, or the asker's
        share of it, is full, the question is too long, or a name is unknown.
        """
        if kind not in KINDS or kind == FOLLOWS or lane not in LANES:
            raise SpecError(f"there is no job {kind!r} in a lane {lane!r}")
        text = rows.encode(spec)
        if len(text) > MOST_SPEC:
            raise SpecError(f"the question is {len(text) // 1024} KiB long; {MOST_SPEC // 1024} are allowed")
        owner, lane = owner or self.viewer or "", lane_of(kind, spec, lane)
        asker = owner or self.asker
        notices = quota.prune(self.database, self.runs) if kind != "preview" else []
        with self.database.transaction() as connection:
            same = queue.same(connection, kind, lane, (owner, asker), text, cache_key)
            if same:
                return same
            queue.bound(connection, kind, lane, asker)
            job_id = new_id()
            connection.execute(
                "INSERT INTO jobs (id, kind, spec, title, lane, priority, parent, owner, asker, cache_key, created,"
                " notices) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (job_id, kind, text, titles.clean(title) or titles.question(kind, spec), lane, priority, parent, owner,
                 asker, cache_key, time.time(), rows.encode(notices)),
            )  # fmt: skip
        return job_id

    # looking

    def _row(self, job_id: str):
        if not valid_id(job_id):
            return None
        row = self.database.row("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return row if row is not None and self.viewer in (None, row["owner"]) else None

    def job(self, id: str) -> Job | None:
        """The job as it stands, or None."""
        row = self._row(id)
        return rows.job(row) if row is not None else None

    def jobs(
        self,
        kinds: tuple[str, ...] | None = ("run",),
        states: tuple[str, ...] | None = None,
        search: str = "",
        limit: int = 200,
        parent: str | None = None,
        children: bool = False,
    ) -> list[Job]:
        """Newest first; search is a part of the title or of the question.

        parent: only the jobs that were asked by this sweep. children: those of all sweeps too.
        """
        where, values = ["1" if children or parent is not None else "parent IS NULL"], []
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
            "SELECT * FROM points WHERE job = ? AND iteration > ? ORDER BY iteration",
            (id, int(after_iteration)),
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

    # controlling

    def _known(self, job_id: str):
        row = self._row(job_id)
        if row is None:
            raise SpecError(f"there is no run {str(job_id)[:40]!r}")
        return row

    def control(self, id: str, action: str) -> Job:
        """Ask for `pause`, `resume` or `cancel`; asking twice, or too late, changes nothing.

        A waiting job obeys at once; a running one shows `pausing` (or `asked == "cancel"`) until
        its worker reaches the end of an iteration. `resume` takes a paused, cancelled or
        interrupted run up from its checkpoint. Told to a sweep, it reaches all of its jobs.
        Returns the job as it now stands.
        """
        resumable = (self.path(id) / "checkpoint.pt").is_file()
        with self.database.transaction() as connection:
            row = self._known(id)
            if action == "resume" and rows.job(row).error == rows.DAMAGED:
                raise SpecError(rows.DAMAGED)
            if row["kind"] == FOLLOWS:
                sweep_membership.control(connection, row, action)
            else:
                transitions.apply(connection, id, action, resumable)
        return rows.job(self._known(id))

    def _mine(self) -> list[str]:
        asker = None if self.viewer is not None else self.asker
        return queue.unfinished(self.database.connection, self.viewer, asker)

    def mine(self) -> int:
        """How much this asker (an owner, a browser, the command line) still has waiting or at work."""
        return len(self._mine())

    def cancel_mine(self) -> int:
        """Cancel all that this asker still has; returns how many jobs."""
        mine = self._mine()
        for job_id in mine:
            self.control(job_id, "cancel")
        return len(mine)

    def cancel_all(self) -> int:
        """Cancel all that waits or is at work, whoever asked; returns how many jobs. An owner reaches only their own."""
        everything = queue.unfinished(self.database.connection, self.viewer, None)
        for job_id in everything:
            self.control(job_id, "cancel")
        return len(everything)

    def rename(self, id: str, title: str) -> None:
        """Give a run another title."""
        self._known(id)
        self.database.write("UPDATE jobs SET title = ? WHERE id = ?", (titles.clean(title), id))

    def pin(self, id: str, pinned: bool) -> None:
        """A pinned run is never deleted to make room."""
        self._known(id)
        self.database.write("UPDATE jobs SET pinned = ? WHERE id = ?", (int(pinned), id))

    def delete(self, id: str) -> None:
        """Forget a run and its files. Raises SpecError while it runs."""
        row = self._known(id)
        if row["state"] in ACTIVE:
            raise SpecError(f"cancel the {'sweep' if row['kind'] == FOLLOWS else 'run'} before deleting it")
        quota.remove(self.database, self.runs, id)
