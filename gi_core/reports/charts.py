"""Figures of a report, in both colour schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gi_core.reports.parts import Part
from gi_core.reports.taken import Run

if TYPE_CHECKING:
    from gi_core.settings.federation import Federation
    from gi_core.settings.sweep import Sweep


def of_run(run: Run) -> list[Part]:
    """Loss, likeness and residuals, as far as they were measured and may be told."""
    return []


def of_runs(runs: Sequence[Run]) -> list[Part]:
    """Loss and likeness of several runs, told apart by letter."""
    return []


def of_sweep(kind: str, rows: Sequence[dict[str, Any]], sweep: Sweep) -> list[Part]:
    """The chart of a sweep, a frontier or a wall."""
    return []


def of_federation(found: Mapping[str, Any], asked: Federation | None) -> list[Part]:
    """Accuracy and leakage by round."""
    return []


def of_rank(document: Mapping[str, Any]) -> list[Part]:
    """Equations against unknowns."""
    return []


def of_influence(answer: Mapping[str, Any], experiment: Mapping[str, Any] | None) -> list[Part]:
    """Predicted error and spectrum of the most exposed picture."""
    return []
