"""A job that a command puts into the store, takes at once and sees to its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from gi_core.cli.interrupts import Interruptible
from gi_core.cli.progress import Shown
from gi_core.cli.storage import open_store
from gi_core.common.threads import one_thread
from gi_core.jobs import times
from gi_core.jobs.job import Job
from gi_core.jobs.processes import Processes
from gi_core.jobs.writer import Lost, Writer
from gi_core.settings import SpecError

FOLLOW_SECONDS = 0.2
_Document = TypeVar("_Document")


class Taker(Interruptible):
    """Does jobs in this process, kept in the same store as everybody's; where a worker is quicker, that worker does it."""

    def __init__(self, bar: Shown) -> None:
        if "OMP_NUM_THREADS" not in os.environ:
            one_thread()  # as a worker
        self.bar = bar
        self.store = open_store()
        self.processes = Processes(self.store.database)

    def taken(
        self, number: str, name: str, do: Callable[[Writer, Job], _Document], watch: Callable[[str], _Document],
        apart: bool = False,
    ) -> _Document:  # fmt: skip
        """What do(writer, job) returns, or watch(number) where a worker has the job. name: what a person calls it. apart: as
        it was submitted.
        """
        life = self.processes.register("command")
        writer = Writer(self.store, life)
        try:
            with self.signals():
                job = writer.take(number, apart)
                return watch(number) if job is None else do(writer, job)
        except Lost:
            raise SpecError(f"{name} {number} was deleted or given to another process") from None
        finally:
            with suppress(SpecError):  # a disk that is full now takes no finished job away
                self.processes.leave(life)

    def foresee(self, span: times.Span) -> None:
        """Say how long it takes, where that is long."""
        if span.high >= times.WORTH_SAYING:
            self.bar.say(f"this takes about {times.said(span)}")


def reason_of(error: Exception) -> str:
    """An unexpected error in a line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
