"""Every figure by what it is of: one list for pages, reports and `result.figure(name)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from gi_core.figures.drawing import Drawing

Subject = Literal["run", "influence", "rank", "sweep", "frontier", "wall", "federation", "update", "server"]


@dataclass(frozen=True)
class Entry:
    """name: of the figure. of: what it is of. title: what it shows. place: its function, dotted from `gi_core.figures`."""

    name: str
    of: Subject
    title: str
    place: str

    @property
    def draw(self) -> Callable[..., Drawing]:
        """The function."""
        module, _, name = self.place.rpartition(".")
        function: Callable[..., Drawing] = getattr(import_module(f"gi_core.figures.{module}"), name)
        return function


_ALL: Sequence[Entry] = (
    Entry("losses", "run", "Loss terms over the iterations", "curves.losses"),
    Entry("likeness", "run", "PSNR and SSIM over the iterations", "curves.likeness"),
    Entry("residuals", "run", "Unexplained share of the update by layer", "curves.residuals"),
    Entry("curve", "influence", "Predicted error over noise levels", "influence.curve"),
    Entry("spectrum", "influence", "Eigenvalues of J Jᵀ by rank", "influence.spectrum"),
    Entry("singular_values", "influence", "Singular values of J by rank", "influence.singular_values"),
    Entry("classes", "influence", "Predicted error by class", "predictions.classes"),
    Entry("inits", "influence", "Predicted error for each initialisation", "predictions.inits"),
    Entry("epochs", "influence", "Predicted error along training", "predictions.epochs"),
    Entry("calibration", "influence", "Measured against predicted error", "predictions.calibration"),
    Entry("rank", "rank", "Equations against unknowns by layer", "rank.stack"),
    Entry("sweep", "sweep", "A metric against what a sweep varies", "sweep.chart"),
    Entry("frontier", "frontier", "Accuracy against leakage", "frontier.chart"),
    Entry("wall", "wall", "Attacks against defenses", "wall.table"),
    Entry("accuracy", "federation", "Accuracy of the global network by round", "federation.accuracy"),
    Entry("leakage", "federation", "Leakage of each attacked client by round", "federation.leakage"),
    Entry("exposure", "federation", "What each attacked client's updates show together", "federation.exposure"),
    Entry("norms", "update", "Change of each layer in a recorded update", "updates.norms"),
    Entry("stealth", "server", "What a server that hides shows, against what comes back", "stealth.chart"),
)
FIGURES: Mapping[str, Entry] = {entry.name: entry for entry in _ALL}
"""Name -> figure. A new chart is one entry here and its function."""


def drawing(name: str, *arguments: object, **options: object) -> Drawing:
    """The chart of that name. Raises KeyError for a name that is not in `FIGURES`."""
    return FIGURES[name].draw(*arguments, **options)
