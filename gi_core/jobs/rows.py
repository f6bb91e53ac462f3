"""From rows of the tables to jobs and points."""

from __future__ import annotations

import json
import math
import sqlite3
from typing import Any

from gi_core.jobs.job import KINDS, STATES, Job, Point


def encode(value: Any) -> str:
    """Strict JSON: numbers that JSON lacks (inf, NaN) become null."""
    return json.dumps(finite(value), allow_nan=False, separators=(",", ":"))


def finite(value: Any) -> Any:
    """The value with every number that is not finite replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


DAMAGED = "the entry of this job in store.sqlite is damaged and cannot be read: delete it"


def job(row: sqlite3.Row) -> Job:
    """The job of a row. One that cannot be read stands as a failed job that says so, so that the others are still seen."""
    try:
        return _job(row)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Job(
            id=str(row["id"]), kind=row["kind"] if row["kind"] in KINDS else "run", spec={"damaged": True},
            title="Damaged entry", state="failed", lane="interactive", parent=None, owner=str(row["owner"]),
            created=_time(row["created"]) or 0.0, started=None, finished=None, error=DAMAGED,
        )  # fmt: skip


def _job(row: sqlite3.Row) -> Job:
    if row["kind"] not in KINDS or row["state"] not in STATES:
        raise ValueError("no kind of job, or no state")
    result = _held(row["result"], dict) if row["result"] else None
    if result is not None and any(not _is_number(v) for v in (result.get("metrics") or {}).values()):
        raise ValueError("measures that are no numbers")
    return Job(
        id=_text(row["id"]), kind=row["kind"], spec=_held(row["spec"], dict), title=_text(row["title"]),
        state=row["state"], lane=row["lane"], parent=row["parent"], owner=_text(row["owner"]), asker=row["asker"],
        created=float(row["created"]), started=_time(row["started"]), finished=_time(row["finished"]),
        progress=_held(row["progress"], dict), result=result, error=row["error"] and _text(row["error"]),
        notices=[_text(notice) for notice in _held(row["notices"], list)], pinned=bool(row["pinned"]),
        interrupted=bool(row["interrupted"]), asked=_text(row["asked"]), attempts=int(row["attempts"]),
        cache_key=row["cache_key"], origin=_text(row["origin"]),
    )  # fmt: skip


def held(text: Any, empty: Any) -> Any:
    """What a column holds as JSON, of the kind of `empty`; `empty` itself where it is damaged."""
    try:
        return _held(text, type(empty))
    except (ValueError, TypeError, RecursionError):
        return empty


def _held(text: Any, kind: type) -> Any:
    value = json.loads(text)
    if not isinstance(value, kind):
        raise ValueError("another kind of value")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _time(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float, str, list, dict))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def points(found: list[sqlite3.Row]) -> list[Point]:
    """The points that can be read; a damaged one leaves a gap in the curve, and the run stays."""
    kept = []
    for row in found:
        try:
            kept.append(_point(row))
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue
    return kept


def _point(row: sqlite3.Row) -> Point:
    return Point(
        iteration=row["iteration"], seconds=row["seconds"], rate=_number(row["rate"]),
        losses={name: _number(value) for name, value in json.loads(row["losses"]).items()},
        trial_losses=[_number(value) for value in json.loads(row["trials"])],
        best=row["best"], psnr=row["psnr"], ssim=row["ssim"],
    )  # fmt: skip
