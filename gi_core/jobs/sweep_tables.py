"""Which job answers which experiment of a sweep, and how a sweep's state follows those of its jobs.

The state is worked out by triggers: whoever changes a job (a worker, a person, the recovery of a dead one), its sweeps
change in the same transaction, so no process need survive for them to be right.
"""

from __future__ import annotations

import sqlite3

_ANY = "EXISTS (SELECT 1 FROM members m JOIN jobs c ON c.id = m.job WHERE m.sweep = jobs.id AND c.state IN ({}))"
_STATE = f"""CASE
    WHEN {_ANY.format("'queued', 'running', 'pausing'")}
        THEN CASE WHEN asked = 'pause' THEN 'pausing' ELSE 'running' END
    WHEN {_ANY.format("'paused'")} THEN 'paused'
    WHEN asked = 'cancel' OR state = 'cancelled' THEN 'cancelled'
    WHEN {_ANY.format("'done'")}
        THEN CASE WHEN {_ANY.format("'failed', 'cancelled'")} THEN 'incomplete' ELSE 'done' END
    WHEN {_ANY.format("'failed'")} THEN 'failed'
    ELSE 'cancelled' END"""
_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_SETTLE = (
    "UPDATE jobs SET state = " + _STATE + " WHERE kind = 'sweep' AND {which};",
    "UPDATE jobs SET asked = CASE WHEN state IN ('running', 'pausing') THEN asked ELSE '' END,"
    " finished = CASE WHEN state IN ('done', 'incomplete', 'failed', 'cancelled') THEN coalesce(finished, "
    + _NOW
    + ") END"
    " WHERE kind = 'sweep' AND {which};",
)
_OF = "id IN (SELECT sweep FROM members WHERE job = {row}.id)"


def _settled(which: str) -> str:
    return "\n".join(statement.format(which=which) for statement in _SETTLE)


MEMBERS = (
    # role: run, or utility with the seed of its training. job: none where it was refused, or is no more.
    """CREATE TABLE members (
        sweep TEXT NOT NULL,
        role TEXT NOT NULL,
        position INTEGER NOT NULL,
        seed INTEGER NOT NULL DEFAULT 0,
        key TEXT NOT NULL,
        point TEXT NOT NULL DEFAULT '{}',
        job TEXT,
        refused TEXT,
        PRIMARY KEY (sweep, role, position, seed)
    ) WITHOUT ROWID""",
    "CREATE INDEX members_job ON members (job)",
    "CREATE INDEX jobs_parent ON jobs (parent)",
)
FOLLOWING = (
    "DROP TRIGGER IF EXISTS sweep_follows",
    "DROP TRIGGER IF EXISTS sweep_loses",
    f"""CREATE TRIGGER sweep_follows AFTER UPDATE OF state ON jobs
        WHEN NEW.kind != 'sweep' AND OLD.state != NEW.state
        BEGIN
        {_settled(_OF.format(row="NEW"))}
        END""",
    f"""CREATE TRIGGER sweep_loses AFTER DELETE ON jobs
        BEGIN
        {_settled("state NOT IN ('done', 'incomplete', 'failed', 'cancelled') AND " + _OF.format(row="OLD"))}
        UPDATE members SET job = NULL WHERE job = OLD.id;
        DELETE FROM members WHERE sweep = OLD.id;
        END""",
    # Of an older program: what it called done though some had failed.
    *(statement.format(which="state = 'done'") for statement in _SETTLE),
)
"""How a sweep's state follows, made anew whenever the rule changes."""


def settle(connection: sqlite3.Connection, sweep: str) -> None:
    """Work out a sweep's state now: after it was entered, or when there was nothing to change."""
    for statement in _SETTLE:
        connection.execute(statement.format(which="id = ?"), (sweep,))
