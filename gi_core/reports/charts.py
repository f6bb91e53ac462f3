"""Figures of a report, in both colour schemes."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.reports.parts import Part
from gi_core.reports.taken import Run


def of_run(run: Run) -> list[Part]:
    return []


def of_runs(runs: Sequence[Run]) -> list[Part]:
    return []
