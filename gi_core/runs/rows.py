"""Rows of the tables to the values the store hands out."""

from __future__ import annotations

import json
import math
import sqlite3
from typing import Any

from gi_core.runs.job import Job, Point


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


def job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        spec=json.loads(row["spec"]),
        title=row["title"],
        state=row["state"],
        lane=row["lane"],
        parent=row["parent"],
        owner=row["owner"],
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        progress=json.loads(row["progress"]),
        result=json.loads(row["result"]) if row["result"] else None,
        error=row["error"],
        notices=json.loads(row["notices"]),
        pinned=bool(row["pinned"]),
        interrupted=bool(row["interrupted"]),
        asked=row["asked"],
        attempts=row["attempts"],
        cache_key=row["cache_key"],
        asker=row["asker"],
    )


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def point(row: sqlite3.Row) -> Point:
    return Point(
        iteration=row["iteration"],
        seconds=row["seconds"],
        rate=_number(row["rate"]),
        losses={name: _number(value) for name, value in json.loads(row["losses"]).items()},
        trial_losses=[_number(value) for value in json.loads(row["trials"])],
        best=row["best"],
        psnr=row["psnr"],
        ssim=row["ssim"],
    )
