"""The tables, as a list of migrations; `PRAGMA user_version` says how many were applied."""

from __future__ import annotations

import sqlite3

from gi_core.jobs.sweep_tables import FOLLOWING, MEMBERS
from gi_core.settings import SpecError

_FIRST = (
    """CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        spec TEXT NOT NULL,
        title TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL DEFAULT 'queued',
        lane TEXT NOT NULL DEFAULT 'interactive',
        priority INTEGER NOT NULL DEFAULT 0,
        parent TEXT,
        owner TEXT NOT NULL DEFAULT '',
        cache_key TEXT,
        created REAL NOT NULL,
        started REAL,
        finished REAL,
        progress TEXT NOT NULL DEFAULT '{}',
        result TEXT,
        error TEXT,
        notices TEXT NOT NULL DEFAULT '[]',
        pinned INTEGER NOT NULL DEFAULT 0,
        interrupted INTEGER NOT NULL DEFAULT 0,
        asked TEXT NOT NULL DEFAULT '',
        asked_at REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        worker TEXT,
        bytes INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX jobs_queue ON jobs (lane, state, priority)",
    "CREATE INDEX jobs_cache ON jobs (kind, cache_key)",
    """CREATE TABLE points (
        job TEXT NOT NULL,
        iteration INTEGER NOT NULL,
        seconds REAL NOT NULL,
        rate REAL,
        losses TEXT NOT NULL,
        trials TEXT NOT NULL,
        best INTEGER NOT NULL,
        psnr REAL,
        ssim REAL,
        PRIMARY KEY (job, iteration)
    ) WITHOUT ROWID""",
    """CREATE TABLE log (
        number INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        time REAL NOT NULL,
        text TEXT NOT NULL
    )""",
    "CREATE INDEX log_job ON log (job)",
    """CREATE TABLE processes (
        id TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        lane TEXT NOT NULL DEFAULT '',
        pid INTEGER NOT NULL,
        pid_started TEXT NOT NULL,
        beat REAL NOT NULL
    )""",
)

# What a process is doing, for people; when a job was last taken, to tell whether it got anywhere since.
_SECOND = ("ALTER TABLE processes ADD COLUMN note TEXT NOT NULL DEFAULT ''", "ALTER TABLE jobs ADD COLUMN claimed REAL")

# Which edition of the program a process runs: an idle worker of an older one makes way.
_THIRD = ("ALTER TABLE processes ADD COLUMN code INTEGER NOT NULL DEFAULT 0",)

# Who takes turns in the queue; how often a job was killed from outside; how large a process was last seen; and a sweep
# with failed members is no longer done.
_FIFTH = (
    "ALTER TABLE jobs ADD COLUMN asker TEXT NOT NULL DEFAULT ''",
    "UPDATE jobs SET asker = owner",
    "ALTER TABLE jobs ADD COLUMN kills INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE processes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE turns (
        lane TEXT NOT NULL,
        asker TEXT NOT NULL,
        turn INTEGER NOT NULL,
        PRIMARY KEY (lane, asker)
    ) WITHOUT ROWID""",
    *FOLLOWING,
)

# How a worker ended, as whoever started it saw.
_SIXTH = ("ALTER TABLE processes ADD COLUMN ended TEXT NOT NULL DEFAULT ''",)

# What a job that was brought here in an archive is made of, as a hash; empty for those of this store.
_SEVENTH = ("ALTER TABLE jobs ADD COLUMN origin TEXT NOT NULL DEFAULT ''", "CREATE INDEX jobs_origin ON jobs (origin)")

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD, MEMBERS, _FIFTH, _SIXTH, _SEVENTH)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date, all or nothing, once however many processes try.

    Raises SpecError when the store is newer than this program.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise SpecError(
                f"the store has version {version} and this program knows {len(MIGRATIONS)}: "
                "update the program, or set GI_HOME to another folder"
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk rolls back by itself
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
