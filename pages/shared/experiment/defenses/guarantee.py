"""What a defense promises: short in its row, whole behind its button; numbers where there are some."""

from __future__ import annotations

from gi_core.settings import Experiment, accounting, ceiling
from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.noise_defenses import GaussianNoise
from gi_core.settings.privacy_defenses import DpSgd
from pages.shared.words import escape


def line(defense: DefenseSettings, experiment: Experiment) -> str:
    """One line of HTML; of DP-SGD what it is worth for this client."""
    if isinstance(defense, DpSgd):
        return f'<p class="gi-guarantee">{_private(_of(defense, experiment))}{_at_most(experiment)}</p>'
    counted = not any(isinstance(d, DpSgd) for d in experiment.defenses)
    bound = _at_most(experiment) if isinstance(defense, GaussianNoise) and counted else ""
    return f'<p class="gi-guarantee">{bound.strip()}</p>' if bound else short(defense.guarantee)


def _at_most(experiment: Experiment) -> str:
    """The ceiling in a few words; empty where none is proved."""
    found = ceiling.of(experiment)
    if found is None:
        return ""
    most = ceiling.percent(found.success())
    return f" Any attacker, picking the picture among {ceiling.CANDIDATES}: right at most {most} of the time."


def short(guarantee: str) -> str:
    """The head of the sentence."""
    head = guarantee.partition(":")[0].partition(" (")[0].partition(", if ")[0]
    return f'<p class="gi-guarantee">{escape(head[:1].upper() + head[1:])}.</p>'


def whole(defense: DefenseSettings, experiment: Experiment) -> str:
    """The sentence in full."""
    worth = f" {escape(_of(defense, experiment).sentence())}" if isinstance(defense, DpSgd) else ""
    return f'<p class="gi-about"><b>Guarantee:</b> {escape(defense.guarantee)}.{worth}</p>'


def _of(defense: DpSgd, experiment: Experiment) -> accounting.Privacy:
    return accounting.of_round(defense, experiment.client, experiment.pictures)


def _private(found: accounting.Privacy) -> str:
    if not found.epsilon < accounting.MOST_SHOWN:
        return "Guarantee: none, as there is no noise to speak of."
    weak = " (above 10 promises little)" if found.epsilon > 10 else ""
    return f"Guarantee: ε = <b>{found.epsilon:.3g}</b>{weak}, δ = {found.delta:g}, for each picture."
