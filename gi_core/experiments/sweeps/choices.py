"""What of a sweep's table is drawn: one column against another, in lines. No torch.

Everything else that varies (pictures, seeds) is the spread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.experiments.sweeps.table import COLUMNS
from gi_core.metrics.registry import drawn
from gi_core.settings.base import Component
from gi_core.settings.registry import ATTACKS, MODELS
from gi_core.settings.sweep import Axis, Sweep

MEASURES = drawn("chart")
_MORE = ("pictures", "parameters", "epochs")  # columns that a sweep may vary without an axis of that name
_REPEATS = ("samples", "labels", "seed", "model.seed")
MOST_SERIES = 6


@dataclass(frozen=True)
class Choice:
    """Columns of the table: y against x, one line for each value of series, "" for one line."""

    x: str
    y: str = "psnr"
    series: str = ""


def column(axis: Axis) -> str:
    """The axis's column in the table."""
    return f"{axis.name} (axis)" if axis.name in COLUMNS else axis.name


def default(sweep: Sweep) -> Choice:
    """The first axis across; the second in lines, unless it only repeats. Networks stand by their parameters."""
    asked = [axis for axis in sweep.axes if len(set(_labels(axis))) > 1]
    if not asked:
        return Choice("position")
    first, rest = asked[0], asked[1:]
    if _paths(first) <= {"model"} and not all(map(_number, _labels(first))):
        kinds = {str(v).partition(":")[0] if isinstance(v, str) else str(v.get("kind")) for v in first.values}
        return Choice("parameters", series="model" if len(kinds) > 1 else "")
    lines = [a for a in rest if len(set(_labels(a))) <= MOST_SERIES and not _paths(a) <= set(_REPEATS)]
    return Choice(column(first), series=column(lines[0]) if lines else "")


def _labels(axis: Axis) -> list[str]:
    return [axis.label(k) for k in range(len(axis.values))]


def _paths(axis: Axis) -> set[str]:
    return {path for k in range(len(axis.values)) for path in axis.changes(k)}


def across(sweep: Sweep) -> list[str]:
    """Columns that may stand below the chart."""
    return [*(column(axis) for axis in sweep.axes), *_MORE] if sweep.axes else ["position", *_MORE]


def lines(sweep: Sweep) -> list[str]:
    """Columns that may tell lines apart; the first is none."""
    return ["", *(column(axis) for axis in sweep.axes), "model", "attack", "adaptive", "defenses"]


def value(row: dict[str, Any], name: str) -> Any:
    """A cell as a number where it reads as one."""
    found = row.get(name)
    number = _number(found)
    return found if number is None else number


def _number(text: Any) -> float | None:
    try:
        found = float(text)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


_KINDS: dict[str, Mapping[str, type[Component]]] = {"model": MODELS, "attack": ATTACKS}

Placed = tuple[float | str, float, dict[str, Any]]
"""x, y, and the row that they are of."""


def points(records: Sequence[dict[str, Any]], choice: Choice) -> dict[str, list[Placed]]:
    """Line -> (x, y, its row), in the order of the table; runs that measured nothing are left out."""
    found: dict[str, list[Placed]] = {}
    for row in records:
        x, y = value(row, choice.x), row.get(choice.y)
        if x is not None and isinstance(y, (int, float)) and math.isfinite(y):
            found.setdefault(named(choice.series, row.get(choice.series)), []).append((x, float(y), row))
    for line in found.values():
        if len({isinstance(x, str) for x, _, _ in line}) > 1:  # "fresh" beside 5: all of it is text then
            line[:] = [(f"{x:g}" if not isinstance(x, str) else x, y, row) for x, y, row in line]
    return found


def named(series: str, text: Any) -> str:
    """A line's name as a person reads it."""
    known = _KINDS.get(series, {})
    if series == "adaptive":
        return "knows the defenses" if text else "takes the update for plain"
    return known[text].title if text in known else "" if text is None or not series else str(text)
