"""Accuracy of the main task under a setting's defenses and without them, from the rows of its sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class Accuracy(TypedDict):
    """value: mean over the trainings, in [0, 1]; deviation: over them (n - 1), None of fewer than two; seeds: how many. bare: the same
    where nothing is defended; None where that was not measured. chance: of always naming the commonest class.
    """

    value: float
    deviation: float | None
    seeds: int
    bare: float | None
    bare_deviation: float | None
    chance: float | None


def accuracy(rows: Sequence[Mapping[str, Any]], bare: Sequence[Mapping[str, Any]]) -> Accuracy | None:
    """Of rows that share their defenses, and of undefended ones; None where no training of the first has ended."""
    own, other = _first(rows), _first(bare)
    if own is None:
        return None
    return Accuracy(
        value=own["accuracy"], deviation=own["accuracy_std"], seeds=own["accuracy_seeds"], bare=None if other is None else other["accuracy"],
        bare_deviation=None if other is None else other["accuracy_std"], chance=own["chance"],
    )  # fmt: skip


def _first(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((row for row in rows if row.get("accuracy") is not None), None)
