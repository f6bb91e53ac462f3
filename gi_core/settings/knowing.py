"""For which attacks it changes something to know of a defense: never silently the same. No torch.

An adaptive attack is given what a server would know of the defenses (mask, noise, levels, bound, bottleneck, labels). Where
it cannot use one of them, a sentence says so and why: the defense says how it perturbs, the attack what it allows for.
"""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.experiment import Experiment


def idle(experiment: Experiment) -> Iterator[str]:
    """A sentence for each defense of which knowing changes nothing; one where there is no defense to know of."""
    attack = experiment.attack
    if not attack.adaptive:
        return
    if not experiment.defenses:
        yield "no defense is on, so there is nothing to know: the attack is the same as without"
    for defense in experiment.defenses:
        reason = why_idle(experiment, defense)
        if not defense.perturbs:
            yield undeclared(defense.title)
        elif reason:
            yield f"knowing of {defense.title} changes nothing for {attack.title}: {reason}"


def why_idle(e: Experiment, defense: DefenseSettings) -> str | None:
    """Why this attack does the same with or without knowledge of this defense; None where it does not."""
    if not defense.perturbs:
        return undeclared(defense.title)
    if defense.perturbs[0] == "withholding":
        return "which tensors are missing everyone sees"
    masked = e.pictures == 1 and all(d.only("clearing") for d in e.defenses)  # dense layers then have rank one
    return e.attack.unmoved(defense.perturbs[0], masked)


def undeclared(title: str) -> str:
    """The sentence for a defense that declares nothing, before a run and in it; it never says that the defense is harmless."""
    return f"{title} does not say how it perturbs an update, so the attack does not allow for it"
