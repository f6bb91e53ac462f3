"""For which attacks it changes something to know of a defense: never silently the same. No torch.

An adaptive attack is given what a server would know of the defenses (mask, noise, levels, bound, bottleneck, labels). Where
it cannot use one of them, a person is told so and why.
"""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.attacks import ClosedForm, Matching
from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.experiment import Experiment

NOISY = ("gaussian_noise", "laplace_noise", "percentile_noise", "dp_sgd")
CLEARING = ("pruning", "random_pruning", "top_k", "soteria")
"""Of these the mask is known, and what was kept is exact."""
SPARSE = (*CLEARING, "withheld_layers")
"""Behind these a tensor of zeros is no sign of a layer that did not train."""
UNREAD = ("mixing",)
"""Of these a recorded update shows nothing that an attack could go by."""
SCALE_FREE = ("cosine", "cosine_local")


def idle(experiment: Experiment) -> Iterator[str]:
    """A sentence for each defense of which knowing changes nothing; one where there is no defense to know of."""
    attack = experiment.attack
    if not attack.adaptive:
        return
    if not experiment.defenses:
        yield "no defense is on, so there is nothing to know: the attack is the same as without"
    for defense in experiment.defenses:
        reason = why_idle(experiment, defense)
        if reason:
            yield f"knowing of {defense.title} changes nothing for {attack.title}: {reason}"


def why_idle(e: Experiment, defense: DefenseSettings) -> str | None:
    """Why this attack does the same with or without knowledge of this defense; None where it does not."""
    attack, kind = e.attack, defense.kind
    if kind == "withheld_layers":
        return "which tensors are missing everyone sees"
    if isinstance(attack, ClosedForm):
        completed = e.pictures == 1 and all(d.kind in CLEARING for d in e.defenses)  # its dense layers have rank one
        if not (completed or getattr(attack, "matching", 0)):
            return "its equations take every value for exact"
    elif not isinstance(attack, Matching) and attack.labels == "observed_delta" and kind == "clipping":
        return "it matches the update over its own last bias, in which a common factor cancels"
    objective = getattr(attack, "objective", "l2")
    if kind == "clipping" and objective in SCALE_FREE:
        return "it compares directions, which a common factor does not change"
    if kind == "mixing" and attack.labels != "known":
        return "only the mixed labels are known of it, and this attack is not told labels"
    if kind in NOISY and isinstance(attack, Matching) and objective in ("cosine_local", "max"):
        return "its objective has no likelihood under noise"
    return None
