"""Text to settings: `lenet:init=uniform,seed=3` and `--set attack.trials=2`."""

from __future__ import annotations

from typing import Any, TypeVar

from gi_core.common.errors import SpecError
from gi_core.settings.base import Component, Settings
from gi_core.settings.custom import CustomNet
from gi_core.settings.documents import read_json, value_of
from gi_core.settings.experiment import Experiment
from gi_core.settings.library_network import LibraryNetwork
from gi_core.settings.registry import find, suggestion
from gi_core.settings.sentences import made

MOST_NETWORK = 64 * 1024  # bytes; forty rows of layers take a tenth of it
Chosen = TypeVar("Chosen", bound=Settings)


def scalar(text: str) -> Any:
    """A JSON scalar where it reads as one, else the text itself."""
    value = value_of(text, "a setting")
    return value if isinstance(value, (int, float, str, bool, type(None))) else text


def parse_component(family: str, text: str) -> Component:
    """`NAME[:k=v,...]` of a family (attack, model, defense, client, server). Raises SpecError."""
    kind, _, rest = text.partition(":")
    return with_values(find(family, kind.strip()), f"{family} {kind}", rest)


def read_library(text: str) -> LibraryNetwork:
    """`torchvision:NAME[:k=v,...]` or `timm:NAME[:k=v,...]`. Raises SpecError."""
    library, name, *rest = text.split(":", 2)
    return with_values(LibraryNetwork, f"model {library}:{name}", f"source={library}:{name}," + "".join(rest))


def read_network(content: bytes) -> CustomNet:
    """A drawn network from the JSON of its file. Raises SpecError with one sentence."""
    if len(content) > MOST_NETWORK:
        raise SpecError(f"the file is too large for a network: at most {MOST_NETWORK // 1024} kB are read")
    values = read_json(content, MOST_NETWORK, "this file is not a network: it")
    return made(CustomNet, values, "this file is not a network: ")


def with_values(cls: type[Chosen], name: str, text: str) -> Chosen:
    """A settings class with `k=v,...` set; `name` is what a person calls it. Raises SpecError.

    `preset=NAME` stands for a named set of values, under those given beside it.
    """
    values: dict[str, Any] = {}
    preset: dict[str, Any] = {}
    presets, words = (cls.presets, cls.words) if issubclass(cls, Component) else ({}, {})
    for pair in filter(None, (p.strip() for p in text.split(","))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        key = words.get(key, key)
        known = [field for field in cls.model_fields if field != "kind"]
        if not equals:
            raise SpecError(f"{name}: write {pair!r} as name=value")
        if key == "preset" and presets:
            if value not in presets:
                raise SpecError(f"{name} has no preset {value!r}: {suggestion(value, presets)}")
            preset = presets[value]
            continue
        if key not in known:
            raise SpecError(f"{name} has no setting {key!r}: {suggestion(key, known)}")
        values[key] = scalar(value)
    return made(cls, preset | values, f"{name}: ")


def build(values: dict[str, Any]) -> Experiment:
    """An Experiment from plain values. Raises SpecError."""
    return made(Experiment, values)


def with_setting(experiment: Experiment, assignment: str) -> Experiment:
    """`dotted.path=value` applied to an Experiment. Raises SpecError that names the nearest path."""
    path, equals, text = assignment.partition("=")
    if not equals:
        raise SpecError(f"write {assignment!r} as dotted.path=value")
    return changed(experiment, {path.strip(): value_of(text, f"the value of {path.strip()[:80]}")})


def changed(experiment: Experiment, values: dict[str, Any]) -> Experiment:
    """Plain values by their dotted paths, set in order. Raises SpecError that names the nearest path."""
    document = experiment.model_dump(mode="json")
    for path, value in values.items():
        here: Any = document
        *parents, last = path.split(".")
        for depth, part in enumerate(parents):
            here = _enter(here, part, ".".join(parents[: depth + 1]))
        if isinstance(here, list):
            here[_index(here, last, path)] = value
        elif isinstance(here, dict) and last in here:
            here[last] = value
        else:
            raise SpecError(f"there is no {path!r} to set: {suggestion(last, here if isinstance(here, dict) else [])}")
    return build(document)


def _enter(here: Any, part: str, path: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, path)]
    if isinstance(here, dict) and isinstance(here.get(part), (dict, list)):
        return here[part]
    raise SpecError(f"there is no {path!r} to set: {suggestion(part, here if isinstance(here, dict) else [])}")


def _index(items: list[Any], part: str, path: str) -> int:
    if part.isascii() and part.isdigit() and len(part) < 7 and int(part) < len(items):
        return int(part)
    raise SpecError(f"{path!r} names an entry of a list of {len(items)}, counted from 0")
