"""Changes to an Experiment by dotted paths, as a sweep writes them: {"attack": "dlg:trials=2", "model.width": 24}."""

from __future__ import annotations

import copy
from typing import Any

from gi_core.common.errors import SpecError
from gi_core.settings.base import Component, Settings
from gi_core.settings.client import Fresh, Pretrained, Trained
from gi_core.settings.experiment import Experiment
from gi_core.settings.parse import changed, parse_component, with_values
from gi_core.settings.registry import suggestion

_FAMILIES = ("attack", "model", "client", "server", "defense")


def plain(path: str, value: Any) -> Any:
    """The value as an Experiment holds it: where a component stands, `NAME[:k=v,...]` is read as on a command line."""
    if isinstance(value, str) and path in _FAMILIES:
        return parse_component(path, value).model_dump(mode="json")
    if path == "defenses" and isinstance(value, (list, tuple)):
        return [plain("defense", v) for v in value]
    if path == "weights" and isinstance(value, str):
        return _weights(value)
    # a copy: a later path may write into it, and the next experiment of a sweep is given the same value
    return value.model_dump(mode="json") if isinstance(value, Component) else copy.deepcopy(value)


def overridden(base: Experiment, changes: dict[str, Any]) -> Experiment:
    """The experiment with every change applied, in order. Raises SpecError."""
    return changed(base, {path: plain(path, value) for path, value in changes.items()})


def _weights(text: str) -> dict[str, Any]:
    word, _, rest = text.partition(":")
    known: dict[str, type[Settings]] = {"fresh": Fresh, "trained": Trained, "imagenet": Pretrained}
    if word not in known:
        raise SpecError(f"unknown weights {word!r}: {suggestion(word, known)}")
    return with_values(known[word], f"weights {word}", rest).model_dump(mode="json")
