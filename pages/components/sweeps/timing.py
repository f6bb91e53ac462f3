"""How long a sweep takes, in words, before it is started."""

from __future__ import annotations

from pages.components import words
from pages.components.sweeps import asking

TRAINING = 6.0
"""Seconds of a short training on one core, where nothing was measured."""
LANES = 2


def told(found: asking.Extent, measured: float | None = None) -> str:
    """measured: seconds on two cores, of a sweep that was run before; of others a worker estimates some experiments."""
    if measured is not None:
        return f"about {words.span(measured)} on two cores"
    attacks = asking.seconds(found)
    if attacks is None:
        return "the time is being estimated" if asking.awaited(found) else "the time is not known yet"
    return f"about {words.span((attacks + TRAINING * found.trainings) / LANES)} on two cores"
