"""How long a job takes from click to result, as a range. No torch.

    low  = waiting + start + overhead(low)  + loop / FASTER
    high = waiting + start + overhead(high) + loop * SLOWER

A preview measures the loop. The overhead (loading, comparing, files) is learned from former runs in the store: the wall
clock from claim to end, less the seconds of the loop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gi_core.jobs.store import Store

FASTER, SLOWER = 1.4, 2.0
"""Attacks that stop by themselves stop sooner or later than they typically do, and a machine does other things too."""
OVERHEAD = (1.0, 10.0)
"""Seconds around the loop while nothing is known: pictures, network, plan, meter; metrics and files."""
START = (2.0, 8.0)
"""Seconds that a worker takes to start: it loads torch."""
LEARNED, LOOKED_AT = 20, 200
"""Former jobs that are learned from, and among how many of the newest they are looked for."""
AFTER = (0.2, 5.0)
"""Seconds from the last iteration to the result: comparing, files."""
WORTH_SAYING = 1.0
"""Seconds: a shorter loop is not announced on a terminal."""
FLOPS = 1.5e10
"""Double-precision operations in a second of a factorisation on one core, roughly."""
MOST_JOINTLY = 4600
"""Unknowns of a layer that are solved jointly."""
_FREE = ("rounds", "seed", "record", "title")
_STEPS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 480, 600, 900, 1200, 1800, 2700)
_HOURS = (3600, 5400, 7200, 10800, 18000, 28800, 43200, 64800, 86400)


@dataclass(frozen=True)
class Span:
    """Seconds, low <= high."""

    low: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def times(self, count: float) -> Span:
        return Span(self.low * count, self.high * count)


NOTHING = Span(0.0, 0.0)


def around(loop: float) -> Span:
    """The span around a loop that was measured to take `loop` seconds."""
    loop = max(0.0, loop)
    return Span(loop / FASTER, loop * SLOWER)


def expected(loop: float, overhead: Span = Span(*OVERHEAD), before: Span = NOTHING, start: Span = NOTHING) -> Span:
    """The span from the click to the result."""
    return before + start + overhead + around(loop)


def said(span: Span) -> str:
    """ "10 to 30 s", "2 to 5 min", "1 to 3 h": rounded outwards, and never nothing."""
    low = max((s for s in _STEPS + _HOURS if s <= span.low), default=1)
    high = min((s for s in _STEPS + _HOURS if s >= span.high and s > low), default=0)
    if not high:  # longer than a day
        high = 86400 * math.ceil(max(span.high, 2 * 86400) / 86400)
        low = 86400 * int(span.low // 86400) or low
    unit, size = next(
        (u, k) for u, k in (("days", 86400), ("h", 3600), ("min", 60), ("s", 1)) if high >= 2 * k or k == 1
    )
    if low >= size:
        return f"{low / size:.2g} to {high / size:.2g} {unit}"
    smaller, less = next((u, k) for u, k in (("h", 3600), ("min", 60), ("s", 1)) if low >= k)
    return f"{low / less:.2g} {smaller} to {high / size:.2g} {unit}"


def overhead(store: Store, attack: str = "", model: str = "") -> Span:
    """The span around the loops of former runs of this attack on this network, else of this attack, else of any; else `OVERHEAD`."""
    for where in ({"attack": attack, "model": model}, {"attack": attack}, {}):
        known = _learned(store, {k: v for k, v in where.items() if v})
        if len(known) >= 3 or (known and not where):
            return Span(known[len(known) // 10], known[-1 - len(known) // 10])
    return Span(*OVERHEAD)


def _learned(store: Store, where: dict[str, str]) -> list[float]:
    """Seconds, ascending. Runs that were interrupted or paused took another time."""
    alike = "".join(f" AND json_extract(spec, '$.{name}.kind') = ?" for name in where)
    found = store.database.rows(
        "SELECT finished - claimed AS wall, json_extract(result, '$.seconds') AS loop FROM jobs WHERE kind = 'run'"
        " AND state = 'done' AND lane = 'interactive' AND interrupted = 0 AND attempts <= 1 AND claimed IS NOT NULL"
        f" AND json_valid(spec) AND json_valid(result){alike} ORDER BY number DESC LIMIT ?",
        (*where.values(), LEARNED),
    )
    return sorted(
        max(0.1, row["wall"] - row["loop"]) for row in found if isinstance(row["loop"], int | float) and row["wall"]
    )


def former(
    store: Store, kind: str, alike: Callable[[dict[str, Any]], bool], size: Callable[[dict[str, Any]], float] = lambda spec: 1.0
) -> Span | None:  # fmt: skip
    """Seconds that one unit of work took in former jobs of a kind, from claim to end; None where none was alike.

    alike: whether a job of these settings counts. size: how many units it had.
    """
    rows = store.database.rows(
        "SELECT spec, finished - claimed AS wall FROM jobs WHERE kind = ? AND state = 'done' AND interrupted = 0"
        " AND attempts <= 1 AND claimed IS NOT NULL AND json_valid(spec) ORDER BY number DESC LIMIT ?",
        (kind, LOOKED_AT),
    )
    known = sorted(
        max(0.1, row["wall"]) / max(1.0, size(spec))
        for row in rows
        if row["wall"] and isinstance(spec := json.loads(row["spec"]), dict) and alike(spec)
    )[:LEARNED]
    return Span(known[len(known) // 10] / FASTER, known[-1 - len(known) // 10] * SLOWER) if known else None


def federation(store: Store, settings: dict[str, Any]) -> Span | None:
    """How long a federation takes, by former ones that differed only in rounds, seed and what is kept; None without any."""
    asked = {k: v for k, v in settings.items() if k not in _FREE}
    each = former(
        store, "federation", lambda spec: {k: v for k, v in spec.items() if k not in _FREE} == asked, _rounds
    )  # fmt: skip
    return each.times(_rounds(settings)) if each is not None else None


def _rounds(settings: dict[str, Any]) -> float:
    return float(settings.get("rounds") or 1)


def layer_by_layer(unknowns: list[int]) -> float:
    """Seconds of a recursion: n unknowns that are solved jointly take about n^3 / 3 operations."""
    return sum(min(MOST_JOINTLY, n) ** 3 / 3 / FLOPS + 0.01 for n in unknowns)


def before(store: Store, lane: str = "interactive") -> Span:
    """How long a newcomer waits for what runs and waits in the lane: what the running one says is left, others as long as a run."""
    rows = store.database.rows(
        "SELECT state, CASE WHEN json_valid(progress) THEN json_extract(progress, '$.seconds_left') END AS left FROM jobs"
        " WHERE lane = ? AND kind NOT IN ('preview', 'sweep') AND state IN ('queued', 'running', 'pausing')",
        (lane,),
    )
    total = NOTHING
    for row in rows:
        known = isinstance(row["left"], int | float)
        total += around(row["left"]) if known else Span(1.0, OVERHEAD[1] + 20.0)
    return total


def start(status: str) -> Span:
    """How long a worker takes to be there: nothing where one is (idle, or with a job), else the time to load. status: `Dispatcher.status`."""
    return Span(*START) if status in ("", "starting") else NOTHING
