"""What an engine must do to run jobs elsewhere: take JSON, report events, pass on controls, report losses. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from gi_core.jobs.rows import encode

BEGAN = "began"
EVENTS = (BEGAN, "record", "thin_points", "forget_points", "log", "notice", "snapshot", "originals")
DROP = "drop"
"""In place of cancel, pause or leave: nobody wants the job's answer any longer."""


@dataclass(frozen=True)
class Event:
    """Something that a job reported while it ran.

    token: of this start of the job; a job whose worker was lost starts again under another one. number: counts what one
    start reported. what: one of `EVENTS`, with its values: those of the method of that name in `jobs.writer` or `jobs.sink`.
    """

    job_id: str
    token: str
    number: int
    what: str
    values: list[Any] = field(repr=False)

    def encode(self) -> str:
        return encode([self.job_id, self.token, self.number, self.what, self.values])

    @staticmethod
    def decode(text: str) -> Event | None:
        """The event of a text; None for what is no event, as it came over a network."""
        try:
            job_id, token, number, what, values = json.loads(text)
        except (ValueError, TypeError):
            return None
        fits = isinstance(token, str) and isinstance(number, int) and isinstance(values, list)
        return Event(job_id, token, number, what, values) if fits and what in EVENTS else None


@dataclass(frozen=True)
class Outcome:
    """How a job came back: its parcel (`executors.parcel`), or why there is none, as a sentence."""

    job_id: str
    parcel: bytes | None = field(default=None, repr=False)
    lost: str = ""


class Executor(Protocol):
    """An engine. Jobs are text; none of ours is pickled. Calls return at once, and may raise SpecError."""

    def slots(self) -> int:
        """How many jobs can run at a time, as things stand."""

    def submit(self, job_id: str, order: str, checkpoint: bytes | None) -> None:
        """Have `executors.remote.perform(order, checkpoint, ...)` called somewhere; again elsewhere if it is lost there."""

    def cancel(self, job_id: str, how: str = "cancel") -> None:
        """Ask the job to cancel, pause or leave: it ends between two iterations and comes back so. `DROP`: forget it."""

    def events(self) -> Iterator[Event]:
        """What was reported since the last call, oldest first. Some may be missing: a parcel has everything."""

    def reap(self) -> list[Outcome]:
        """Jobs that came back, or are lost for good, since the last call."""

    def wait(self, seconds: float) -> None:
        """Sleep, at most until a job has come back."""

    def close(self) -> None:
        """Forget all jobs, and end the workers that it started."""
