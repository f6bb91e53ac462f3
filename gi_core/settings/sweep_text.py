"""A Sweep as a TOML file that reads back as the same experiments."""

from __future__ import annotations

from typing import Any

import tomli_w

from gi_core.common.errors import SpecError
from gi_core.settings.base import Component
from gi_core.settings.experiment import Experiment
from gi_core.settings.overrides import plain
from gi_core.settings.parse import parse_component
from gi_core.settings.registry import FAMILIES, find
from gi_core.settings.sweep import Sweep, members, read_sweep


def to_toml(sweep: Sweep) -> str:
    """The sweep as TOML: only what differs from default, components as on a command line, since TOML has no null.

    Raises SpecError where a value cannot be written in TOML (a null that means something): then JSON can.
    """
    document = sweep.model_dump(mode="json", exclude={"base"}, exclude_defaults=True)
    document = {"name": sweep.name, **document, "base": _base(sweep.base)}
    for axis in document.get("axes", ()):
        path = axis.get("path")
        axis["values"] = [_value(path, v) if path else {k: _value(k, x) for k, x in v.items()} for v in axis["values"]]
    if "experiments" in document:
        document["experiments"] = [{k: _value(k, v) for k, v in one.items()} for one in document["experiments"]]
    try:
        text = tomli_w.dumps(_without_nulls(document))
        same = read_sweep(text.encode(), toml=True)
    except (TypeError, SpecError):
        same = None
    if same is None or _experiments(same) != _experiments(sweep):
        raise SpecError("this sweep holds a value that TOML cannot say: take the JSON file")
    return text


def _experiments(sweep: Sweep) -> Any:
    return [m.experiment for m in members(sweep)], sweep.utility


def _base(base: Experiment) -> dict[str, Any]:
    default = Experiment()
    return {
        name: _component(value) if isinstance(value, Component) else _value(name, base.model_dump(mode="json")[name])
        for name, value in ((n, getattr(base, n)) for n in Experiment.model_fields)
        if value != getattr(default, name)
    }


def _component(settings: Component) -> Any:
    """A component as its name where the name says all of it, else as a table."""
    family = next(f for f, kinds in FAMILIES.items() if kinds.get(settings.kind) is type(settings))
    try:
        if parse_component(family, settings.name) == settings:
            return settings.name
    except SpecError:
        pass
    return settings.model_dump(mode="json")


def _value(path: str, value: Any) -> Any:
    """What stands at a path, its components by name."""
    if path == "defenses" and isinstance(value, (list, tuple)):
        return [_known("defense", v) for v in value]
    return _known(path, value) if path in FAMILIES else value


def _known(family: str, value: Any) -> Any:
    if not isinstance(value, dict) or "kind" not in value:
        return value
    return _component(find(family, value["kind"]).model_validate(plain(family, value)))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, (list, tuple)) else value
