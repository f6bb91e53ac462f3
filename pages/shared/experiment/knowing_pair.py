"""An attacker who takes the update for plain against one who knows the defenses."""

from __future__ import annotations

from gi_core.settings import Experiment
from pages.shared.experiment.pairs import Pair


def both(experiment: Experiment) -> tuple[Experiment, Experiment]:
    """The question, naive and adaptive."""
    naive, adaptive = (
        experiment.model_copy(update={"attack": experiment.attack.model_copy(update={"adaptive": knows})})
        for knows in (False, True)
    )
    return naive, adaptive


def _note(experiment: Experiment) -> str:
    return "Two runs of this experiment, side by side: the attacker does not know the defenses, and knows them."


KNOWING = Pair(
    "attack", "adaptive", (False, True), "Compare: defenses not known / known", "Knowing the defenses", both, _note
)
