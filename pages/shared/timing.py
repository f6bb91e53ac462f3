"""How long something takes from the click to its result, in words, as a range."""

from __future__ import annotations

from gi_core.jobs import times
from gi_core.jobs.times import Span
from pages.shared.session import dispatcher, store


def said(work: Span, lane: str = "interactive") -> str:
    """work: seconds once a worker has it. What waits in the lane before it, and the start of a worker, are added."""
    start = times.start(dispatcher().status().get(lane, ""))
    return f"about {times.said(work + start + times.before(store(), lane))}"


def of_run(loop: float, attack: str, model: str) -> str:
    """How long a run takes, in words: an attack (kind) on a network (kind) whose iterations take `loop` seconds."""
    return said(times.expected(loop, times.overhead(store(), attack, model)))
