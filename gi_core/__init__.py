"""Gradient Inversion Studio: what can a server read back from a client's update?

    import gi_core as gi
    result = gi.attack(model, gradients, input_shape=(3, 32, 32))

docs/api.md lists the public names. They are loaded when first used, so that the import itself takes no time and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gi_core.api.analysing import Influence, Rank, influence, known_transformers, rank
    from gi_core.api.attacking import attack
    from gi_core.api.auditing import Audit, audit
    from gi_core.api.clients import ClientUpdate, client
    from gi_core.api.controlling import Controls, controls
    from gi_core.api.deploying import check_deployment
    from gi_core.api.inspecting import inspect_model
    from gi_core.api.repeating import open_run, run
    from gi_core.api.reproducing import reproduce
    from gi_core.api.result import Result
    from gi_core.api.watching import Watched
    from gi_core.common.errors import SpecError

__version__ = "0.2.0"

_HOME = {
    "attack": "attacking", "audit": "auditing", "rank": "analysing", "influence": "analysing", "client": "clients",
    "controls": "controlling", "Controls": "controlling",
    "run": "repeating", "open_run": "repeating", "Result": "result", "Audit": "auditing", "Rank": "analysing",
    "Influence": "analysing", "known_transformers": "analysing", "inspect_model": "inspecting", "ClientUpdate": "clients", "Watched": "watching",
    "reproduce": "reproducing", "check_deployment": "deploying",
}  # fmt: skip

__all__ = [
    "Audit", "ClientUpdate", "Controls", "Influence", "Rank", "Result", "SpecError", "Watched", "__version__", "attack", "audit",
    "check_deployment", "client", "controls", "influence", "inspect_model", "known_transformers", "open_run", "rank", "reproduce", "run",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "SpecError":
        return import_module("gi_core.common.errors").SpecError
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"gi_core.api.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
