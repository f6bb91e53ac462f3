"""Runs as pages and the command line ask for them and control them. No torch."""

from __future__ import annotations

import time
from typing import Any

from gi_core.jobs import control as transitions
from gi_core.jobs import queue, quota, rows, sweep_membership, titles
from gi_core.jobs.job import ACTIVE, FOLLOWS, KINDS, LANES, Job, lane_of, new_id
from gi_core.jobs.lookup import Lookup
from gi_core.settings import SpecError

MOST_SPEC = 256 * 1024


class Store(Lookup):
    """The runs under GI_HOME, asked for and controlled. Methods that write raise DiskFull (a SpecError)."""

    def submit(
        self, kind: str, spec: dict[str, Any], *, lane: str = "interactive", priority: int = 0,
        parent: str | None = None, title: str = "", owner: str = "", cache_key: str | None = None, apart: bool = False,
    ) -> str:  # fmt: skip
        """Queue a job; its id. An unfinished or successful job of the same cache_key answers instead; without a key, an
        equal question of the same asker that waits or runs (asking twice is asking once).

        apart: for the process that submits it alone, which holds what it needs; it stands as paused, so no worker takes it.
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
                " notices, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (job_id, kind, text, titles.clean(title) or titles.question(kind, spec), lane, priority, parent, owner,
                 asker, cache_key, time.time(), rows.encode(notices), "paused" if apart else "queued"),
            )  # fmt: skip
        return job_id

    def control(self, id: str, action: str) -> Job:
        """Ask for `pause`, `resume` or `cancel`; asking twice, or too late, changes nothing.

        A waiting job obeys at once; a running one shows `pausing` (or `asked == "cancel"`) until
        its worker reaches the end of an iteration. `resume` takes a paused, cancelled or
        interrupted run up from its checkpoint. Of a sweep, it reaches all of its jobs.
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
        return self._cancel(self._mine())

    def cancel_all(self) -> int:
        """Cancel all that waits or is at work, whoever asked; returns how many jobs. An owner reaches only their own."""
        return self._cancel(queue.unfinished(self.database.connection, self.viewer, None))

    def _cancel(self, ids: list[str]) -> int:
        for job_id in ids:
            self.control(job_id, "cancel")
        return len(ids)

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
