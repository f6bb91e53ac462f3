"""The attacker who knows the defenses, and the one who does not: what each is given of the server's knowledge.

A naive attack knows nothing of the defenses. An adaptive one is given the network with its random bottleneck at the mean
(eps = 0), the mixed labels if it may know labels, and a belief about every value (`beliefs`). The belief decides what
counts in its objective (`consistent`, `residuals`), and how much smoothness makes up for noise (`noise`).
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from gi_core.attacks.adaptive.beliefs import believe, uncovered
from gi_core.networks.bottleneck import at_mean, bottlenecks
from gi_core.settings.attacks import AttackSettings
from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.knowing import undeclared
from gi_core.settings.registry import DEFENSES
from gi_core.types.updates import Knowledge, Update


def given(settings: AttackSettings, knowledge: Knowledge) -> Knowledge:
    """What of the server's knowledge this attack is given."""
    if not settings.adaptive:
        return replace(knowledge, defenses=())
    if bottlenecks(knowledge.model):
        return replace(knowledge, model=at_mean(knowledge.model))
    return knowledge


def unallowed(settings: AttackSettings, knowledge: Knowledge) -> tuple[str, ...]:
    """A sentence for each known defense that this attack does not allow for: how it perturbs an update is not declared, or
    is nothing that the attack takes into account.
    """
    said = []
    for kind in (d["kind"] for d in knowledge.defenses):
        perturbs, title = _perturbs(kind), DEFENSES[kind].title if kind in DEFENSES else kind
        if not perturbs:
            said.append(undeclared(title))
        elif perturbs[0] not in settings.allows:
            said.append(f"{settings.title} does not allow for what {title} does to an update")
    return tuple(said)


def _perturbs(kind: str) -> tuple[str, ...]:
    settings = DEFENSES.get(kind)
    return settings.perturbs if settings is not None and issubclass(settings, DefenseSettings) else ()


def mixed_labels(knowledge: Knowledge) -> Tensor | None:
    """(N, K) of a client that trained on mixtures, if the attack may know labels and knows of the mixing."""
    if knowledge.labels is None:
        return None
    return next((d["soft_labels"] for d in knowledge.defenses if "soft_labels" in d), None)


def delta_is_true(update: Update, knowledge: Knowledge) -> bool:
    """Whether the last bias gradient can stand for dL/dlogits.

    It cannot behind noise, rounding or a mask that the server knows of, nor behind a defense of which the server cannot
    tell what it did. Where the matching ends in front of a bottleneck it has to, as there is no label to go by.
    """
    if any("opaque" in (_perturbs(d["kind"]) or ("opaque",)) for d in knowledge.defenses):
        return False
    if uncovered(update, knowledge) or any(d.get("in_front") for d in knowledge.defenses):
        return True
    return believe(update, knowledge).exact(len(update.tensors) - 1)


def clipped(update: Update, knowledge: Knowledge) -> bool:
    """Whether the update is known to be shorter than it was, by a factor that nobody knows."""
    return bool(knowledge.defenses) and believe(update, knowledge).rescaled
