"""What was measured beside what was published: a statistic with its interval, and the verdict that follows from it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from gi_core.metrics.intervals import LEVEL, mean_interval, median_interval, wilson
from gi_core.reproductions.accuracy import Accuracy, accuracy
from gi_core.reproductions.claims import Claim
from gi_core.settings.controls import CONTROLS

Row = Mapping[str, Any]
Verdict = Literal["reproduced", "differs", "source unread", "data or GPU missing", "too few pictures", "not measured"]
LEAST = 5
"""Pictures below which an interval agrees with nearly everything, so that nothing is said."""
UNDEFENDED = "undefended"
"""The reference of a defended setting: the same attack where nothing is defended."""


class Counted(TypedDict):
    """value and interval in the claim's unit; None where nothing came of it. pictures: that the value rests on. failed, refused: runs
    without a value.
    """

    value: float | None
    interval: tuple[float, float] | None
    pictures: int
    failed: int
    refused: int


class Measured(Counted):
    """level: of the interval. own: whether these are the publication's pictures; data: what they are. controls: the same attack on
    the first few of them where the update tells nothing of them, by `settings.controls.CONTROLS`, and `UNDEFENDED`. accuracy: of the
    main task, where the setting measures it. sweep: its runs, in the store that they were done in.
    """

    level: float
    seeds: int
    own: bool
    data: str
    budget: str
    seconds: float
    device: str
    date: str
    version: str
    runs: list[str]
    sweep: str
    verdict: Verdict
    controls: dict[str, Counted]
    accuracy: Accuracy | None


def statistic(claim: Claim, values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """(value, interval) of a claim over the pictures' values of its metric. Raises ValueError for no values."""
    if claim.statistic == "share":
        bound = claim.below if claim.below is not None else claim.above
        assert bound is not None
        hits = sum(v < bound if claim.below is not None else v > bound for v in values)
        low, high = wilson(hits, len(values))
        return 100 * hits / len(values), (100 * low, 100 * high)
    if claim.statistic == "median":
        return statistics.median(values), median_interval(values)
    return statistics.fmean(values), mean_interval(values)


def verdict(
    claim: Claim, interval: tuple[float, float] | None, own: bool, pictures: int, whole: bool = True
) -> Verdict:
    """Reproduced: the interval of what was measured and what was published, each with its tolerance, have a value in common.
    What was measured on other pictures than the publication's neither confirms nor contradicts it. whole: whether the published
    effort was spent; a difference found with less is no difference.
    """
    if interval is None:
        return "not measured"
    if claim.published is None:
        return "source unread"
    if not own:
        return "data or GPU missing"
    if pictures < LEAST:
        return "too few pictures"
    upper = claim.upper if claim.upper is not None else claim.published
    met = interval[0] <= upper + claim.tolerance and interval[1] >= claim.published - claim.tolerance
    return "reproduced" if met else "differs" if whole else "data or GPU missing"


def role(row: Row, defended: bool) -> str:
    """What a row of a setting's sweep is: "" for the claim's own question, else the control or reference."""
    if (row.get("control") or "none") != "none":
        return str(row["control"])
    return UNDEFENDED if defended and row.get("defenses") == "none" else ""


def counted(claim: Claim, rows: Sequence[Row]) -> tuple[Counted, int]:
    """What rows of one role come to, and how many values its interval rests on.

    A run that failed or was refused has no value: of a share a failed one counts as a miss, of a median or a mean it is told.
    """
    metric = claim.metric or ""
    values = [float(row[metric]) for row in rows if row["state"] == "done" and row.get(metric) is not None]
    failed = sum(row["state"] in ("failed", "cancelled", "missing") for row in rows)
    refused = sum(row["state"] == "refused" for row in rows)
    whole = list(values)
    if claim.statistic == "share":
        whole += [math.inf if claim.below is not None else -math.inf] * failed
    value, interval = statistic(claim, whole) if values else (None, None)
    return Counted(value=value, interval=interval, pictures=len(values), failed=failed, refused=refused), len(whole)


def measured(
    claim: Claim, rows: Sequence[Row], *, own: bool, whole: bool = True, defended: bool = False, sweep: str = "", data: str, budget: str,
    device: str, date: str, version: str,
) -> Measured:  # fmt: skip
    """What a sweep's rows say of a claim that an experiment tests. defended: whether the setting has a defense. The rest is kept
    beside it.
    """
    by: dict[str, list[Row]] = {"": [], **{kind: [] for kind in (*CONTROLS, UNDEFENDED)}}
    for row in rows:
        by[role(row, defended)].append(row)
    found, behind = counted(claim, by[""])
    return Measured(
        **found, level=LEVEL, seeds=len({row["seed"] for row in by[""]}), seconds=sum(row["seconds"] or 0.0 for row in by[""]),
        runs=[row["run_id"] for row in by[""] if row["run_id"]], sweep=sweep,
        verdict=verdict(claim, found["interval"], own, behind, whole), own=own, data=data, budget=budget, device=device, date=date,
        version=version, controls={kind: counted(claim, its)[0] for kind, its in by.items() if kind and its},
        accuracy=accuracy(by[""], by[UNDEFENDED]),
    )  # fmt: skip
