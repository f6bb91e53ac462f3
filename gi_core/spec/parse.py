"""Text to settings: `lenet:init=uniform,seed=3` and `--set attack.trials=2`."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from gi_core.spec.base import Component, SpecError
from gi_core.spec.experiment import Experiment, sentence
from gi_core.spec.registry import find, suggestion


def scalar(text: str) -> Any:
    """A JSON scalar where it reads as one, else the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (int, float, str, bool, type(None))) else text


def parse_component(family: str, text: str) -> Component:
    """`NAME[:k=v,...]` of a family (attack, model, defense, client). Raises SpecError."""
    kind, _, rest = text.partition(":")
    cls = find(family, kind.strip())
    values = {}
    for pair in filter(None, (p.strip() for p in rest.split(","))):
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise SpecError(f"{family} {kind}: write {pair!r} as name=value")
        if key not in cls.model_fields or key == "kind":
            known = [name for name in cls.model_fields if name != "kind"]
            raise SpecError(f"{family} {kind} has no setting {key!r}: {suggestion(key, known)}")
        values[key] = scalar(value.strip())
    try:
        return cls(**values)
    except ValidationError as error:
        raise SpecError(f"{family} {kind}: {sentence(error)}") from None


def build(values: dict[str, Any]) -> Experiment:
    """An Experiment from plain values. Raises SpecError."""
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise SpecError(sentence(error)) from None


def with_setting(experiment: Experiment, assignment: str) -> Experiment:
    """`dotted.path=value` applied to an Experiment. Raises SpecError that names the nearest path."""
    path, equals, text = assignment.partition("=")
    if not equals:
        raise SpecError(f"write {assignment!r} as dotted.path=value")
    document = experiment.model_dump(mode="json")
    here: Any = document
    *parents, last = path.strip().split(".")
    for depth, part in enumerate(parents):
        here = _enter(here, part, ".".join(parents[: depth + 1]))
    if isinstance(here, list):
        here[_index(here, last, path)] = _value(text)
    elif isinstance(here, dict) and last in here:
        here[last] = _value(text)
    else:
        raise SpecError(f"there is no {path!r} to set: {suggestion(last, here if isinstance(here, dict) else [])}")
    return build(document)


def _enter(here: Any, part: str, path: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, path)]
    if isinstance(here, dict) and isinstance(here.get(part), (dict, list)):
        return here[part]
    raise SpecError(f"there is no {path!r} to set: {suggestion(part, here if isinstance(here, dict) else [])}")


def _index(items: list, part: str, path: str) -> int:
    if part.isdigit() and int(part) < len(items):
        return int(part)
    raise SpecError(f"{path!r} names an entry of a list of {len(items)}, counted from 0")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
