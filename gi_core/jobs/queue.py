"""The order of waiting jobs: in each lane askers take turns, and each may have a bounded number waiting. No torch.

An asker is a signed-in owner, or a browser where nobody signs in, or the command line.
"""

from __future__ import annotations

import os
import sqlite3
import time

from gi_core.jobs.job import FINISHED, FOLLOWS
from gi_core.settings import SpecError

MOST_QUEUED, MOST_EACH, MOST_PREVIEWS = 200, 40, 16
_TURN = (
    "coalesce((SELECT turn FROM turns WHERE turns.asker = jobs.asker AND turns.lane ="
    " jobs.lane || CASE WHEN jobs.kind = 'preview' THEN '/preview' ELSE '' END), 0)"
)
_OVER = ",".join(f"'{state}'" for state in FINISHED)


def most(variable: str, usual: int) -> int:
    """A whole number above 0 from the environment, else the usual one."""
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 10**15 else usual


def first(connection: sqlite3.Connection, lane: str, kinds: tuple[str, ...] | None) -> str | None:
    """The job that is next: previews, then the highest priority, then whoever's turn is longest ago, then the oldest."""
    some = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
    row = connection.execute(
        f"SELECT id FROM jobs WHERE state = 'queued' AND lane = ?{some}"
        f" ORDER BY kind = 'preview' DESC, priority DESC, {_TURN}, number LIMIT 1",
        (lane, *(kinds or ())),
    ).fetchone()
    return row["id"] if row else None


def among(lane: str, kind: str) -> str:
    """The queue whose turns count: previews, which are quick, have one of their own and cost nobody the turn of a run."""
    return lane + ("/preview" if kind == "preview" else "")


def took(connection: sqlite3.Connection, lane: str, asker: str) -> None:
    """Note that this asker has had a turn among these jobs, so that all others who wait come first."""
    connection.execute(
        "INSERT INTO turns (lane, asker, turn) SELECT ?1, ?2, coalesce(max(turn), 0) + 1 FROM turns WHERE lane = ?1"
        " ON CONFLICT (lane, asker) DO UPDATE SET turn = excluded.turn",
        (lane, asker),
    )
    connection.execute(  # who has nothing left to do need not be remembered
        "DELETE FROM turns WHERE lane = ?1 AND asker != ?2 AND turn < (SELECT max(turn) FROM turns WHERE lane = ?1) - 1000",
        (lane, asker),
    )


def ahead(rows: list[sqlite3.Row], turns: dict[str, int], job_id: str) -> int:
    """How many of the waiting rows (id, asker, priority, number) come before a job, if nobody asks for more.

    turns: asker -> number of the turn had last. The order is that of `first`, played to the job.
    """
    waiting, had, place = sorted(rows, key=lambda r: (-r["priority"], r["number"])), dict(turns), 0
    while waiting:
        top = waiting[0]["priority"]
        level = [r for r in waiting if r["priority"] == top]
        each: dict[str, list[str]] = {}
        for row in level:
            each.setdefault(row["asker"], []).append(row["id"])
        order = sorted(each, key=lambda asker: (had.get(asker, 0), [r["id"] for r in level].index(each[asker][0])))
        longest = max(len(ids) for ids in each.values())
        for depth in range(longest):
            for asker in order:
                if depth < len(each[asker]):
                    if each[asker][depth] == job_id:
                        return place
                    place += 1
        latest = max(had.values(), default=0)
        had |= {asker: latest + k for k, asker in enumerate(order, 1)}
        waiting = waiting[len(level) :]
    return 0


def same(
    connection: sqlite3.Connection, kind: str, lane: str, asker: tuple[str, str], text: str, key: str | None
) -> str | None:
    """The job that answers already: of this cache key and not failed; without one, an equal question still under way.

    asker: (owner, asker). Two askers never share a job without a key: one may cancel it.
    """
    owner, who = asker
    if key is not None:
        row = connection.execute(
            "SELECT id FROM jobs WHERE kind = ? AND cache_key = ? AND owner = ? AND state IN"
            " ('queued', 'running', 'done') ORDER BY number DESC LIMIT 1",
            (kind, key, owner),
        ).fetchone()
    else:
        row = connection.execute(
            "SELECT id FROM jobs WHERE lane = ? AND state IN ('queued', 'running') AND asked = '' AND kind = ?"
            " AND owner = ? AND asker = ? AND parent IS NULL AND cache_key IS NULL AND spec = ?"
            " ORDER BY number DESC LIMIT 1",
            (lane, kind, owner, who, text),
        ).fetchone()
    return row["id"] if row else None


def bound(connection: sqlite3.Connection, kind: str, lane: str, asker: str) -> None:
    """Keep the queue short: too many jobs are refused with a sentence, an asker's oldest previews give way."""
    if kind == "preview":
        connection.execute(
            "UPDATE jobs SET state = 'cancelled', finished = ?1 WHERE kind = 'preview' AND state = 'queued' AND asker = ?2"
            " AND number NOT IN (SELECT number FROM jobs WHERE kind = 'preview' AND state = 'queued' AND asker = ?2"
            " ORDER BY number DESC LIMIT ?3)",
            (time.time(), asker, MOST_PREVIEWS - 1),
        )
        return
    # Jobs of a sweep are not counted: it has a bound of its own.
    mine, all_ = connection.execute(
        "SELECT coalesce(sum(asker = ?), 0), count(*) FROM jobs WHERE state = 'queued' AND lane = ? AND kind != 'preview'"
        " AND parent IS NULL",
        (asker, lane),
    ).fetchone()
    each, everyone = most("GI_QUEUE_EACH", MOST_EACH), most("GI_QUEUE_ALL", MOST_QUEUED)
    if mine >= each:
        raise SpecError(f"{mine} of your jobs wait, and {each} are allowed: wait until one has begun, or cancel some")
    if all_ >= everyone:
        raise SpecError(f"the queue is full ({all_} jobs wait): try again later")


def unfinished(connection: sqlite3.Connection, owner: str | None, asker: str | None) -> list[str]:
    """Ids of what an owner or an asker (None: anybody) still has in the queue or at work, sweeps first, last ones first."""
    where = [f"state NOT IN ({_OVER})", "parent IS NULL", "asked != 'cancel'", "kind NOT IN ('preview', 'thumbnails')"]
    values = []
    for column, wanted in (("owner", owner), ("asker", asker)):
        if wanted is not None:
            where.append(f"{column} = ?")
            values.append(wanted)
    found = connection.execute(
        f"SELECT id FROM jobs WHERE {' AND '.join(where)} ORDER BY kind = '{FOLLOWS}' DESC, number DESC", values
    )
    return [row["id"] for row in found.fetchall()]
