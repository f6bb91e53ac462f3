"""Curves and bars of a run, under their headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gi_core.figures import Drawing, drawing
from gi_core.figures.projecting import projected
from gi_core.jobs.job import Point
from pages.shared.result import charts

Runs = Mapping[str, Sequence[Point]]


def losses(runs: Runs, log: bool, key: str, caption: str, height: int = 260, large: bool = False) -> None:
    """Loss terms over the iterations: all of one run; of several, by name, those that all go by. caption: of a saved chart.
    large: for a wall.
    """
    charts.heading("Loss", "what the server sees")
    charts.draw(_sized(drawing("losses", runs, log, height).under(caption), large), key)


def likeness(runs: Runs, key: str, caption: str, height: int = 260, large: bool = False) -> None:
    """PSNR (left) and SSIM (right): what the server cannot see. large: for a wall."""
    charts.heading("Likeness to the original", "what it cannot see")
    charts.draw(_sized(drawing("likeness", runs, height).under(caption), large), key)


def residuals(residual: Mapping[str, float | None], key: str, caption: str, height: int = 260) -> None:
    """How much of each tensor of the update is still unexplained, 1 is all of it."""
    charts.heading("Unexplained gradient", "by layer, 1 is all of it")
    charts.draw(drawing("residuals", residual, height).under(caption), key)


def _sized(drawing: Drawing, large: bool) -> Drawing:
    return projected(drawing) if large else drawing
