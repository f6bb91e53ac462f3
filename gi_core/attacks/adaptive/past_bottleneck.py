"""PRECODE left out: an attack on the layers before its random bottleneck, for one picture.

The encoder's bias gradient is d = dL/d(mu, s), whatever noise the client drew. The gradients of the encoder and of all layers
before it are those of <d, encoder(h(x))>: a deterministic network and a loss without a label, which any matching attack can
play. Layers after the draw are not matched. Of several pictures or local steps d is a sum over draws, which no single draw
explains: then the attack plays the whole network with the mean of the draws.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.networks.bottleneck import bottlenecks, encoded
from gi_core.settings.attacks import AttackSettings
from gi_core.types.updates import Knowledge, Update


def past_bottleneck(
    settings: AttackSettings, update: Update, knowledge: Knowledge
) -> tuple[AttackSettings, Update, Knowledge]:
    """Settings, update and knowledge of the layers before the bottleneck, for an adaptive attack on one picture; else as given."""
    schedule = knowledge.schedule
    one = update.images == 1 and one_step(schedule)
    if not (settings.adaptive and one and len(bottlenecks(knowledge.model)) == 1):
        return settings, update, knowledge
    model, names = encoded(knowledge.model)
    if any(old in update.withheld for old in names.values() if ".bottleneck.encoder." in old):
        return settings, update, knowledge
    try:
        shown = as_mean_gradient(update, schedule, knowledge.model)
        labels = hard_labels("auto" if knowledge.labels is None else "known", shown, knowledge)
    except Refused:
        return settings, update, knowledge  # the answer has a label, and only what is left out shows it
    new = {old: name for name, old in names.items()}
    seen = replace(
        update,
        tensors={name: update.tensors[old] for name, old in names.items()},
        withheld=tuple(new[old] for old in update.withheld if old in new),
    )
    known = tuple({key: _renamed(value, new) for key, value in d.items()} for d in knowledge.defenses)
    known = (*known, {"kind": "precode", "in_front": True})
    outputs = 2 * bottlenecks(knowledge.model)[0].width
    about = replace(knowledge, model=model, classes=outputs, labels=labels, defenses=known)
    return settings.model_copy(update={"labels": "observed_delta"}), seen, about


def _renamed(value: Any, new: dict[str, str]) -> Any:
    """What is known of each tensor (a dictionary, or a tuple of names), by the names that are left."""
    if isinstance(value, dict):
        return {new[key]: v for key, v in value.items() if key in new}
    if isinstance(value, tuple):
        return tuple(new[key] for key in value if key in new)
    return value
