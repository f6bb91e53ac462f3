"""How work that takes long reports how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""(fraction done in [0, 1], what is being done). It may raise, which ends the work."""


def silent(fraction: float, text: str) -> None:
    """Progress that nobody reads."""
