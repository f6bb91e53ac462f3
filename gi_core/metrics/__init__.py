"""Reconstruction against ground truth: the only judge. Its parts load when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gi_core.metrics.protocol import evaluate, quick
    from gi_core.metrics.trials import trials_summary
    from gi_core.metrics.verdicts import verdict

_HOME = {"evaluate": "protocol", "quick": "protocol", "trials_summary": "trials", "verdict": "verdicts"}

__all__ = ["evaluate", "quick", "trials_summary", "verdict"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
