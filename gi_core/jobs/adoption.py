"""Jobs that were done elsewhere enter the store, all of them or none. No torch.

They have ids of their own and no key by which a question here would be answered with them: what was measured elsewhere never stands
for a run of this machine.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gi_core.common.disk import disk
from gi_core.jobs import quota, rows, titles
from gi_core.jobs.job import FOLLOWS, Point, new_id
from gi_core.jobs.store import Store
from gi_core.settings import SpecError

NOTICE = "it was done elsewhere and brought here in an archive: its numbers were not measured on this machine"


@dataclass(frozen=True)
class Adopted:
    """A job to enter. fill: writes its files into a folder, given its id. origin: a hash of its content. Times are unix seconds."""

    kind: str
    title: str
    state: str
    spec: dict[str, Any]
    origin: str
    created: float
    started: float | None = None
    finished: float | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    notices: Sequence[str] = ()
    points: Sequence[Point] = ()
    log: Sequence[tuple[float, str]] = ()
    fill: Callable[[Path, str], None] = lambda folder, job_id: None


@dataclass(frozen=True)
class Place:
    """A member of an adopted sweep. job: index among the adopted jobs, None where there is none."""

    role: str
    position: int
    seed: int
    key: str
    point: dict[str, str]
    job: int | None
    refused: str | None


def known(store: Store, origin: str) -> str | None:
    """The job that was adopted from equal content before, or None."""
    row = store.database.row(
        "SELECT id FROM jobs WHERE origin = ? AND owner = ? ORDER BY number DESC LIMIT 1", (origin, store.viewer or "")
    )
    return str(row["id"]) if row is not None else None


class Adoption:
    """Collects jobs, then enters them: `with Adoption(store) as adoption: adoption.add(...); adoption.enter()`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.owner = store.viewer or ""
        self.folder = store.home / f".adopting-{os.getpid()}-{secrets.token_hex(4)}"
        self.jobs: list[tuple[str, Adopted, int]] = []

    def __enter__(self) -> Adoption:
        with disk(self.store.home):
            self.folder.mkdir(mode=0o700)
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, job: Adopted) -> str:
        """Write a job's files aside; its id. Raises SpecError where the disk, or the share that runs have of it, is full."""
        job_id = new_id()
        folder = self.folder / job_id
        with disk(self.store.home):
            folder.mkdir(mode=0o700)
        job.fill(folder, job_id)
        size = quota.folder_bytes(folder)
        if sum(s for _, _, s in self.jobs) + size > quota.quota():
            raise SpecError(
                f"the archive takes more than the {quota.quota() / 2**30:.3g} GiB that runs may take: raise GI_QUOTA_MB"
            )
        self.jobs.append((job_id, job, size))
        return job_id

    def enter(self, sweep: Adopted | None = None, places: Sequence[Place] = ()) -> str:
        """Enter all that was added; the id of the sweep, or of the only run."""
        parent = new_id() if sweep is not None else None
        moved: list[Path] = []
        try:
            for job_id, _, _ in self.jobs:
                os.replace(self.folder / job_id, self.store.runs / job_id)
                moved.append(self.store.runs / job_id)
            with self.store.database.transaction() as connection:
                for job_id, job, size in self.jobs:
                    self._insert(connection, job_id, job, size, parent, "batch" if parent else "interactive")
                if sweep is not None and parent is not None:
                    self._insert(connection, parent, sweep, 0, None, "batch")
                    for one in places:
                        self._place(connection, parent, one)
        except BaseException:
            for folder in moved:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        quota.prune(self.store.database, self.store.runs)
        return parent or self.jobs[0][0]

    def _insert(self, connection: Any, job_id: str, job: Adopted, size: int, parent: str | None, lane: str) -> None:
        result = None if job.result is None else {**job.result, "run_id": job_id, "out": str(self.store.runs / job_id)}
        if job.kind not in ("run", FOLLOWS):
            result = job.result
        finished = job.finished if job.finished is not None else job.created
        connection.execute(
            "INSERT INTO jobs (id, kind, spec, title, state, lane, parent, owner, asker, created, started, finished, progress, result,"
            " error, notices, bytes, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (job_id, job.kind, rows.encode(job.spec), titles.clean(job.title), job.state, lane, parent, self.owner,
             self.owner or self.store.asker, job.created, job.started, finished, rows.encode(job.progress),
             rows.encode(result) if result is not None else None, job.error, rows.encode([*(n for n in job.notices if n != NOTICE), NOTICE]), size, job.origin),
        )  # fmt: skip
        for p in job.points:
            connection.execute(
                "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (job_id, p.iteration, p.seconds, rows.finite(p.rate), rows.encode(p.losses), rows.encode(p.trial_losses), p.best, p.psnr, p.ssim),
            )  # fmt: skip
        for moment, text in (*job.log, (time.time(), NOTICE)):
            connection.execute("INSERT INTO log (job, time, text) VALUES (?, ?, ?)", (job_id, moment, text[:2000]))

    def _place(self, connection: Any, sweep: str, one: Place) -> None:
        job = self.jobs[one.job][0] if one.job is not None else None
        connection.execute(
            "INSERT INTO members (sweep, role, position, seed, key, point, job, refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (sweep, one.role, one.position, one.seed, one.key, json.dumps(one.point), job, one.refused),
        )
