"""Equations against unknowns, one bar for each layer, the picture's layer first."""

from __future__ import annotations

from gi_core.analysis.rank import RankReport
from gi_core.figures import captions, drawing
from pages.shared.result import charts


def draw(report: RankReport) -> None:
    """Shares of each layer's unknowns; a full bar reaches the line."""
    charts.heading(
        "Equations for each unknown",
        "by layer, the picture on the left; a bar that reaches the line determines its layer",
    )
    document = report.to_json()
    charts.draw(drawing("rank", document).under(captions.of_rank(document)), "rank_chart")
