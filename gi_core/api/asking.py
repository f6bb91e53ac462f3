"""Words and dictionaries of a person's program to settings, in the words of the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gi_core.api.pictures import normalisation
from gi_core.common.errors import SpecError
from gi_core.settings import Experiment, build, parse_component, problems, sizes
from gi_core.settings.base import Component
from gi_core.settings.network_base import Model
from gi_core.settings.parse import changed
from gi_core.settings.registry import find
from gi_core.settings.sentences import made

PLACEHOLDER = "bundled/faces:0"
"""Stands for each picture that only Python holds, in a document that counts them."""


def component(family: str, value: Any) -> Component:
    """A part of an experiment: `NAME[:k=v,...]`, a dictionary with its `kind`, or settings. Raises SpecError.

    family: attack, model, defense, client or server.
    """
    if isinstance(value, Component):
        return value
    if isinstance(value, str):
        return parse_component(family, value)
    if isinstance(value, Mapping):
        values = dict(value)
        kind = values.get("kind")
        if not isinstance(kind, str):
            raise SpecError(f"a {family} as a dictionary says its kind, such as {{'kind': ...}}: {values!r:.80}")
        return made(find(family, kind), values, f"{family} {kind}: ")
    raise SpecError(f"{family} is a text such as NAME:setting=value, or a dictionary, not a {type(value).__name__}")


def several(family: str, values: Any) -> tuple[Component, ...]:
    """A sequence of parts; one text is one part."""
    if values is None:
        return ()
    if isinstance(values, (str, Mapping, Component)):
        values = [values]
    if not isinstance(values, Iterable):
        raise SpecError(f"{family}s are a list of texts such as NAME:setting=value, not a {type(values).__name__}")
    return tuple(component(family, value) for value in values)


def document(part: Component) -> dict[str, Any]:
    """Settings as plain values."""
    return part.model_dump(mode="json")


def with_named(part: Component, values: Mapping[str, Any]) -> Component:
    """Settings with these values where the person named none. values: by field; those the part lacks are left out."""
    fields, named = type(part).model_fields, part.model_fields_set
    wanted = {name: value for name, value in values.items() if name in fields and name not in named}
    return made(type(part), document(part) | wanted, f"{part.kind}: ") if wanted else part


def held(
    model: Model, shape: tuple[int, int, int], labels: tuple[int, ...] | None, count: int, *, client: Component, normalise: Any,
    defenses: Any, seed: Any, device: Any, server: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Values of an experiment about `count` pictures (C, H, W) that only Python holds."""
    return {
        "samples": (PLACEHOLDER,) * count, "labels": labels, "size": sizes.whole(*shape[1:]), "channels": shape[0],
        "normalise": normalisation(normalise), "model": document(model), "client": document(client), "seed": seed,
        "device": device, "defenses": [document(one) for one in several("defense", defenses)],
        "server": document(component("server", "honest" if server is None else server)),
    }  # fmt: skip


def playable(values: Mapping[str, Any]) -> Experiment:
    """An experiment whose round is played and not attacked. Raises SpecError for what does not fit."""
    experiment = build(dict(values))
    fatal = [p for p in problems(experiment) if p.fatal and not p.field.startswith("attack")]
    if fatal:
        raise SpecError(fatal[0].reason)
    return experiment


def asked(values: Mapping[str, Any], settings: Mapping[str, Any] | None) -> Experiment:
    """An experiment of plain values, with further settings by their dotted paths. Raises SpecError."""
    experiment = build(dict(values))
    if settings is None:
        return experiment
    if not isinstance(settings, Mapping) or not all(isinstance(key, str) for key in settings):
        raise SpecError(
            f"settings is a dictionary of dotted paths, such as {{'attack.trials': 2}}, not a {type(settings).__name__}"
        )
    return changed(experiment, dict(settings))
