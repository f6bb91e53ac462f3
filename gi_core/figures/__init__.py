"""Figures of results and analyses: one look, two themes, told apart without colour, with the settings behind them. No torch.

`of_run`, `of_influence`, `of_rank`, `of_sweep`, `of_frontier`, `of_wall`, `of_federation`, `of_update` and `of_servers`
give `plotly.graph_objects.Figure`s by name; `save` writes one as SVG, PDF, PNG or HTML. `FIGURES` lists them all. A page draws
`Drawing`s, which are the same without plotly.
"""

from gi_core.figures.drawing import Drawing
from gi_core.figures.making import (
    of_federation,
    of_frontier,
    of_influence,
    of_rank,
    of_run,
    of_runs,
    of_servers,
    of_sweep,
    of_update,
    of_wall,
)
from gi_core.figures.registry import FIGURES, Entry, drawing
from gi_core.figures.saving import html, save, script
from gi_core.figures.themes import THEMES, Theme

__all__ = [
    "FIGURES", "THEMES", "Drawing", "Entry", "Theme", "drawing", "html", "of_federation", "of_frontier", "of_influence", "of_rank",
    "of_run", "of_runs", "of_servers", "of_sweep", "of_update", "of_wall", "save", "script",
]  # fmt: skip
