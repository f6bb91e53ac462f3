"""Batch norm statistics withheld against shared."""

from __future__ import annotations

from gi_core.settings import Experiment, problems
from gi_core.settings.fl_attacks import FlGradientInversion
from gi_core.settings.matching_base import Matching
from pages.shared.experiment.pairs import Pair

INSTEAD = FlGradientInversion(iterations=300)


def both(experiment: Experiment) -> tuple[Experiment, Experiment]:
    """The question with the client's own batch in batch norm: statistics withheld, and shared.

    An attack that does not read statistics, or cannot be run here, gives way to FL gradient inversion.
    """
    found = []
    for statistics in ("withheld", "shared"):
        client = experiment.client.model_copy(update={"batch_norm": "train", "statistics": statistics})
        found.append(experiment.model_copy(update={"client": client}))
    if any(not reads(one) or any(p.fatal for p in problems(one)) for one in found):
        labels = "known" if experiment.client.labels_known else "auto"
        other = INSTEAD if len(experiment.samples) == 1 else INSTEAD.model_copy(update={"labels": labels})
        found = [one.model_copy(update={"attack": other}) for one in found]
    return found[0], found[1]


def reads(experiment: Experiment) -> bool:
    """Whether the attack does something with statistics."""
    return isinstance(experiment.attack, Matching) and experiment.attack.batch_norm_weight != 0


def _note(experiment: Experiment) -> str:
    attack = both(experiment)[0].attack
    other = "" if attack == experiment.attack else f" By {attack.title}, which reads them."
    return "Two runs of this experiment with the client's own batch in batch norm, side by side." + other


STATISTICS = Pair(
    "client", "statistics", ("withheld", "shared"), "Compare: statistics withheld / shared", "Sharing the statistics", both,
    _note,
)  # fmt: skip
