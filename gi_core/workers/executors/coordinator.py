"""The coordinator gives a sweep's jobs to an engine, and writes what comes back to the store, as the worker that holds them. No torch."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from gi_core.jobs import recovery
from gi_core.jobs.processes import BEAT_SECONDS, Processes
from gi_core.jobs.sink import StoreSink
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Lost, Writer
from gi_core.settings import SpecError
from gi_core.workers.executors import back
from gi_core.workers.executors.base import BEGAN, DROP, Event, Executor, Outcome
from gi_core.workers.executors.remote import order

ROLE = "engine"
LEAVE_SECONDS, GIVE_UP_SECONDS = 20.0, 30.0
_NEXT = (
    "SELECT j.id FROM members m JOIN jobs j ON j.id = m.job WHERE m.sweep = ? AND j.state = 'queued'"
    " ORDER BY j.priority DESC, j.number LIMIT 1"
)


@dataclass
class _Held:
    """A job that the engine has. starts: how often it was begun. applied: numbers of its present start's events that were written."""

    sink: StoreSink
    token: str = ""
    starts: int = 0
    applied: set[int] = field(default_factory=set)
    leaving: bool = False
    asked_since: float | None = None


class Coordinator:
    """A `Workforce`. The store stays on this machine's disk; an engine is given orders, and this process writes.

    A job is claimed before it is sent, so no two do it; it is ended here, once, and what comes back for one that is no
    longer held is dropped. The engine starts a job again when its worker is lost; the `MOST_DEATHS`th time it is failed.
    """

    def __init__(self, store: Store, engine: Executor, sweep: str) -> None:
        self.store, self.engine, self.sweep = store, engine, sweep
        self.processes = Processes(store.database)
        self.note = ""
        self._held: dict[str, _Held] = {}
        self._life = ""
        self._beat = 0.0

    def __enter__(self) -> Coordinator:
        self._life = self.processes.register(ROLE)
        self.writer = Writer(self.store, self._life)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or not issubclass(kind, SpecError):
                self._put_down()
            for job_id in list(self._held):
                with suppress(Lost):
                    self.writer.requeue(job_id)
        finally:
            self.engine.close()
            with suppress(SpecError):  # on a full disk others see that this process is gone
                self.processes.leave(self._life)

    def wait(self, seconds: float) -> None:
        self.engine.wait(seconds)

    def look(self) -> None:
        """Take in what was reported and what came back, pass on what is asked, and send new jobs to free places."""
        self._live()
        self._hear()
        for job_id, held in list(self._held.items()):
            try:
                self._obey(job_id, held)
            except Lost:
                self._drop(job_id)
        self._fill()

    def _live(self) -> None:
        now = time.monotonic()
        if now < self._beat:
            return
        self._beat = now + BEAT_SECONDS
        recovery.reclaim(self.store.database, self.store.runs)
        if not self.processes.beat(self._life):
            raise SpecError("the store was taken away or this process was struck off: start the sweep again")

    def _hear(self) -> None:
        for event in self.engine.events():
            held = self._held.get(event.job_id)
            if held is not None:
                with suppress(Lost, SpecError):  # the view may lag behind; the parcel has it all
                    self._apply(event, held)
        for outcome in self.engine.reap():
            held = self._held.pop(outcome.job_id, None)
            if held is not None:
                with suppress(Lost):
                    self._end(outcome, held)

    def _apply(self, event: Event, held: _Held) -> None:
        if event.what == BEGAN:
            self._began(event, held)
        elif event.token == held.token and event.number not in held.applied:
            held.applied.add(event.number)
            back.apply(event, held.sink)

    def _began(self, event: Event, held: _Held) -> None:
        held.starts += 1
        held.token, held.applied = event.token, set()
        if held.starts > 1:
            starts = self.writer.began_again(event.job_id)
            held.sink.forget_points(0)
            if starts > recovery.MOST_DEATHS:
                self._drop(event.job_id)
                self.writer.finish(event.job_id, "failed", error=recovery.DEATHS.format(starts - 1, ""))

    def _end(self, outcome: Outcome, held: _Held) -> None:
        """Write all that came back, then end the job as it ended there."""
        if outcome.parcel is None:
            self.writer.finish(outcome.job_id, "failed", error=outcome.lost)
            return
        try:
            ending = back.take(outcome.parcel, held.sink, {held.token: held.applied})
        except SpecError as error:
            self.writer.finish(outcome.job_id, "failed", error=str(error))
            return
        if ending.how == "finish":
            self.writer.finish(outcome.job_id, ending.state, ending.result, ending.error)
        elif ending.how == "release":
            self.writer.release(outcome.job_id)
        else:
            self.writer.requeue(outcome.job_id)

    def _obey(self, job_id: str, held: _Held) -> None:
        """Pass on what is asked of a job, again and again, as it may have started anew. What has not begun, or does not answer, is given up."""
        asked = self.writer.asked(job_id) or ("leave" if held.leaving else "")
        if not asked:
            held.asked_since = None
            return
        held.asked_since = held.asked_since or time.monotonic()
        if held.starts and time.monotonic() - held.asked_since < GIVE_UP_SECONDS:
            self.engine.cancel(job_id, asked)
            return
        self._drop(job_id)
        if asked == "cancel":
            self.writer.finish(job_id, "cancelled")
        elif asked == "pause":
            self.writer.release(job_id)
        else:
            self.writer.requeue(job_id)

    def _drop(self, job_id: str) -> None:
        self._held.pop(job_id, None)
        self.engine.cancel(job_id, DROP)

    def _fill(self) -> None:
        places = self.engine.slots()
        self.note = "" if places else "no worker has joined yet"
        for _ in range(places - len(self._held)):
            row = self.store.database.row(_NEXT, (self.sweep,))
            job = self.writer.take(row["id"]) if row else None
            if job is None:
                return
            self._held[job.id] = held = _Held(StoreSink(self.writer, job.id))
            self.writer.make_room(job.id)
            kept = held.sink.folder / "checkpoint.pt"
            self.engine.submit(job.id, order(job), kept.read_bytes() if kept.is_file() else None)

    def _put_down(self) -> None:
        """Ask what still runs to stop at a checkpoint, which comes back so that somebody can go on."""
        until = time.monotonic() + LEAVE_SECONDS
        for held in self._held.values():
            held.leaving = True
        while self._held and time.monotonic() < until:
            for job_id, held in list(self._held.items()):
                try:
                    self._obey(job_id, held)
                except Lost:
                    self._drop(job_id)
            self.engine.wait(0.2)
            self._hear()
