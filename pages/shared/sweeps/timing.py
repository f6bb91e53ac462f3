"""How long a sweep takes, in words, before it is started."""

from __future__ import annotations

from gi_core.jobs import capacity, times
from pages.shared import words
from pages.shared.session import store
from pages.shared.sweeps import asking

TRAINING = 6.0
"""Seconds of a short training on one core, where nothing was measured."""
AROUND = (0.2, 1.5)
"""Seconds around one run of a sweep: its worker has everything loaded."""


def said(found: asking.Extent, measured: float | None = None) -> str:
    """measured: seconds on two cores, of a sweep that was run before; of others a worker estimates some experiments."""
    if measured is not None:
        return f"about {words.span(measured)} on two cores"
    attacks = asking.seconds(found)
    if attacks is None:
        return "the time is being estimated" if asking.awaited(found) else "the time is not known yet"
    at_once = capacity.batch_workers()
    each = times.Span(*AROUND).times(found.runs)
    whole = (times.around(attacks + TRAINING * found.trainings) + each).times(1 / at_once)
    waiting = times.before(store(), "batch").times(1 / at_once)
    cores = "one core" if at_once == 1 else f"{at_once} cores"
    return f"about {times.said(whole + waiting + times.Span(*times.START))} on {cores}"
