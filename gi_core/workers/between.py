"""What a worker does between two iterations: hear what is asked of the job, answer previews, make way for a person."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from gi_core.jobs.sink import POLL_SECONDS, StoreControl
from gi_core.jobs.writer import Writer

YIELD_SHARE = 0.1
"""Share of the time that the batch lane keeps while a person's job waits, so that it never starves."""


@contextmanager
def draws_kept() -> Iterator[None]:
    """The states of all global generators are afterwards what they were before."""
    import torch

    states = torch.random.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.random.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])


class Between(StoreControl):
    """A `Control`. leaving: set when the worker is to leave. answer: does a quick job that waits.

    others_wait: whether a person needs this worker's core; where it is given, the job rests while they do.
    """

    def __init__(
        self, writer: Writer, job_id: str, leaving: threading.Event, answer: Callable[[], None] | None = None,
        others_wait: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(writer, job_id)
        self._leaving, self._answer, self._others_wait = leaving, answer, others_wait
        self._before = time.monotonic()

    def poll(self) -> str:
        if self._next > time.monotonic() and not self._leaving.is_set():
            return ""
        asked = super().poll()
        if not asked and self._answer is not None:
            self._answer()
        asked = asked or self.rest(lambda: self.writer.asked(self.job_id))
        return asked or ("leave" if self._leaving.is_set() else "")

    def rest(self, asked: Callable[[], str]) -> str:
        """Rest while others wait, at most nine times as long as was worked; what was asked meanwhile."""
        if self._others_wait is None:
            return ""
        until = time.monotonic() + (time.monotonic() - self._before) / YIELD_SHARE
        heard = ""
        while not heard and time.monotonic() < until and self._others_wait():
            self._leaving.wait(POLL_SECONDS)
            heard = "leave" if self._leaving.is_set() else asked()
        self._before = time.monotonic()
        return heard
