"""Everything that can be named, by family and kind, read off the unions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from gi_core.common.errors import SpecError
from gi_core.settings.attack_base import AttackSettings
from gi_core.settings.attacks import AnyAttack
from gi_core.settings.base import Component
from gi_core.settings.client import AnyClient
from gi_core.settings.client_base import Client
from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.defenses import AnyDefense
from gi_core.settings.network_base import Model
from gi_core.settings.networks import AnyModel
from gi_core.settings.servers import AnyServer, Server


def _kinds(union: Any) -> dict[str, Any]:
    classes = get_args(get_args(union)[0])
    return {cls.model_fields["kind"].default: cls for cls in classes}


ATTACKS: dict[str, type[AttackSettings]] = _kinds(AnyAttack)
EVERY_MODEL: dict[str, type[Model]] = _kinds(AnyModel)
MODELS: dict[str, type[Model]] = {kind: cls for kind, cls in EVERY_MODEL.items() if cls.offered}
DEFENSES: dict[str, type[DefenseSettings]] = _kinds(AnyDefense)
CLIENTS: dict[str, type[Client]] = _kinds(AnyClient)
SERVERS: dict[str, type[Server]] = _kinds(AnyServer)

FAMILIES: dict[str, Mapping[str, type[Component]]] = {
    "attack": ATTACKS,
    "model": MODELS,
    "defense": DEFENSES,
    "client": CLIENTS,
    "server": SERVERS,
}


def find(family: str, kind: str) -> type[Component]:
    """The settings class of a kind. Raises SpecError that suggests the nearest known one."""
    known = FAMILIES[family]
    if kind not in known:
        raise SpecError(f"unknown {family} {kind!r}: {suggestion(kind, known)}")
    return known[kind]


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or the list of what there is."""
    names = sorted(known)
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word[:80].lower(), lower, n=1, cutoff=0.5)
    return f"did you mean {lower[near[0]]!r}?" if near else "known are " + ", ".join(names)
