"""Figures of a report: those of `gi_core.figures`, as JSON in both colour schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gi_core.figures.drawing import Drawing
from gi_core.figures.federation import exposed
from gi_core.figures.registry import drawing
from gi_core.reports.parts import Chart, Part
from gi_core.reports.taken import Run

if TYPE_CHECKING:
    from gi_core.settings.sweep import Sweep

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def of_run(run: Run) -> list[Part]:
    """Loss, likeness and residuals, as far as they were measured and may be told."""
    found = _curves({"this run": run.points})
    residuals = run.result["attacker"]["residuals"] if run.result else {}
    if residuals:
        found.append(drawing("residuals", residuals))
    return [_part(one) for one in found]


def of_runs(runs: Sequence[Run]) -> list[Part]:
    """Loss and likeness of several runs, told apart by letter."""
    return [_part(one) for one in _curves({letter: run.points for letter, run in zip(LETTERS, runs, strict=False)})]


def _curves(runs: Mapping[str, Sequence[Any]]) -> list[Drawing]:
    found = []
    if any(p.losses for points in runs.values() for p in points):
        found.append(drawing("losses", runs))
    if any(p.psnr is not None for points in runs.values() for p in points):
        found.append(drawing("likeness", runs))
    return found


def of_sweep(kind: str, rows: Sequence[dict[str, Any]], sweep: Sweep) -> list[Part]:
    """The chart of a sweep, a frontier or a wall."""
    if not any(row.get("psnr") is not None for row in rows):
        return []
    if kind == "Wall":
        return [_part(drawing("wall", rows, "psnr"))]
    if kind == "Frontier":
        from gi_core.analysis.frontier import controls, points

        found = [p for p in points(rows, "psnr") if p.complete]
        return [_part(drawing("frontier", found, controls=controls(rows, "psnr")))] if found else []
    from gi_core.experiments.sweeps.answers import answer
    from gi_core.experiments.sweeps.choices import default

    choice = default(sweep)
    return [_part(drawing("sweep", rows, choice, answer(rows, choice).trends))]


def of_federation(found: Mapping[str, Any]) -> list[Part]:
    """Accuracy and leakage by round."""
    drawn = [drawing("accuracy", found)]
    if any(r["clients"] for r in found["rounds"]):
        drawn.append(drawing("leakage", found))
    if exposed(found):
        drawn.append(drawing("exposure", found))
    return [_part(one) for one in drawn]


def of_rank(document: Mapping[str, Any]) -> list[Part]:
    """Equations against unknowns."""
    return [_part(drawing("rank", document))]


def of_influence(answer: Mapping[str, Any], number: int | None) -> list[Part]:
    """Predicted error and spectrum of picture `number`; nothing where there is none."""
    if number is None:
        return []
    found = answer["samples"][number]
    drawn = [drawing("curve", found), drawing("spectrum", found)]
    return [_part(one) for one in drawn]


def _part(one: Drawing) -> Chart:
    """The figure without its settings, which the report tells already."""
    return Chart(
        one.document("light", titled=False), one.document("dark", titled=False), one.title, one.alt, one.caption
    )
