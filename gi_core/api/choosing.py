"""Where the labels of an attack come from, where the person named nothing."""

from __future__ import annotations

from dataclasses import dataclass

from gi_core.common.errors import SpecError
from gi_core.settings.client_base import Client
from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.network_base import Model


@dataclass(frozen=True)
class Facts:
    """What decides."""

    model: Model
    client: Client
    defenses: tuple[DefenseSettings, ...]
    images: int
    labels_known: bool


def labels_for(attack: str, facts: Facts) -> dict[str, str]:
    """The label strategy of an attack, where the person named none. Raises SpecError."""
    if facts.labels_known:
        return {"labels": "known"}
    alone = facts.images == 1 and facts.model.last_bias
    if attack == "levenberg_marquardt":
        return {"labels": "observed_delta" if alone else "auto"}
    if not facts.client.own_loss:
        return {}
    if not alone:
        raise SpecError("the targets of a loss of your own are not in this update: give them as labels")
    return {} if attack == "auto" else {"labels": "observed_delta"}
