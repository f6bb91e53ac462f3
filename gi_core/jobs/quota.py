"""How much disk runs may take; the oldest finished ones that nobody pinned make room."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from gi_core.jobs import sweep_membership
from gi_core.jobs.database import Database
from gi_core.jobs.job import FINISHED, valid_id

QUOTA_BYTES = 5 * 2**30
PREVIEW_SECONDS = 24 * 3600.0


def quota() -> int:
    """Bytes that runs may take: `GI_QUOTA_MB`, default 5 GiB."""
    text = os.environ.get("GI_QUOTA_MB", "")
    return int(text) * 2**20 if text.isdigit() and int(text) > 0 else QUOTA_BYTES


def folder_bytes(folder: Path) -> int:
    """Bytes of the files under a folder; 0 when there is none."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:
                continue
    return total


def used(database: Database, runs: Path) -> int:
    """Bytes of all runs and of the store itself; finished runs were measured when they ended."""
    marks = ",".join("?" * len(FINISHED))
    row = database.row(f"SELECT coalesce(sum(bytes), 0) FROM jobs WHERE state IN ({marks})", FINISHED)
    total = int(row[0]) if row else 0
    for live in database.rows(f"SELECT id FROM jobs WHERE state NOT IN ({marks})", FINISHED):
        total += folder_bytes(runs / live["id"])
    for suffix in ("", "-wal"):
        try:
            total += os.stat(f"{database.file}{suffix}").st_size
        except OSError:
            continue
    return total


def remove(database: Database, runs: Path, job_id: str) -> None:
    """Forget a job and delete its folder; with a sweep, also those of its jobs that nobody else has."""
    if not valid_id(job_id):
        return
    with database.transaction() as connection:
        gone = [job_id, *sweep_membership.leave(connection, job_id)]
        for one in gone:
            for table, column in (("points", "job"), ("log", "job"), ("jobs", "id")):
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (one,))
    for one in gone:
        shutil.rmtree(runs / one, ignore_errors=True)


def prune(database: Database, runs: Path) -> list[str]:
    """Make room under the quota; returns notices, one sentence each, for whoever caused it.

    What belongs to an unfinished or a pinned sweep stays, and so does a sweep itself: it is a page of text.
    """
    marks = ",".join("?" * len(FINISHED))
    stale = database.rows(
        f"SELECT id FROM jobs WHERE kind = 'preview' AND state IN ({marks}) AND finished < ?",
        (*FINISHED, time.time() - PREVIEW_SECONDS),
    )
    for row in stale:
        remove(database, runs, row["id"])
    excess = used(database, runs) - quota()
    if excess <= 0:
        return []
    oldest = database.rows(
        f"SELECT id, bytes FROM jobs WHERE state IN ({marks}) AND pinned = 0 AND kind != 'sweep'"
        f" AND id NOT IN ({sweep_membership.KEPT}) ORDER BY finished",
        FINISHED,
    )
    gone = 0
    for row in oldest:
        if excess <= 0:
            break
        remove(database, runs, row["id"])
        excess -= row["bytes"]
        gone += 1
    limit = f"{quota() / 2**30:.3g} GiB"
    if gone:
        return [f"the {gone} oldest unpinned runs were deleted to stay within {limit}"]
    return [f"runs take more than {limit} and all of them are pinned or active: delete some"]
