"""Dask as the engine: a cluster of worker processes on this machine, or a scheduler that somebody runs.

Whoever reaches a port of Dask's can run programs there, since Dask itself pickles its own messages. So a cluster of
ours listens on 127.0.0.1 with certificates made for it, and another one is joined by TLS, or at 127.0.0.1.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gi_core.jobs.capacity import batch_workers
from gi_core.jobs.recovery import DEATHS, MOST_DEATHS
from gi_core.settings import SpecError
from gi_core.workers.executors.base import BEGAN, DROP, Event, Outcome
from gi_core.workers.executors.dask_access import certified, installed, refuse_open
from gi_core.workers.executors.remote import ask, perform, stand_back

TOPIC = "gradient-inversion-studio"
CONNECT_SECONDS, FETCH_SECONDS, ASK_SECONDS = 15, 20, 1.0
_SETTINGS = {
    "distributed.scheduler.allowed-failures": MOST_DEATHS - 1,
    "distributed.worker.profile.enabled": False,  # looking into a job a hundred times a second took a quarter of its time
    "distributed.admin.system-monitor.interval": "5s",
}


def task(order: str, checkpoint: bytes | None) -> bytes:
    """In a worker of Dask's: the job, with events for whoever listens. Nobody waits for one that Dask gave up."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        known = worker.state.tasks.get(key)
        return known is not None and known.state != "cancelled"

    stand_back(order)
    return perform(order, checkpoint, lambda text: worker.log_event(TOPIC, text), wanted, worker.address)


async def pass_on(job_id: str, how: str) -> None:
    """In a worker of Dask's, beside the job. A coroutine, since Dask lets no other function go without an answer."""
    ask(job_id, how)


class Dask:
    """An `Executor`. address: of a scheduler; "" for a cluster of `workers` processes here. Raises SpecError."""

    def __init__(self, address: str = "", workers: int | None = None) -> None:
        self._distributed, self._cluster = installed(), None
        self._futures: dict[str, Any] = {}
        self._places: dict[str, str] = {}
        self._asked: dict[str, float] = {}
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._ended = threading.Event()
        self.address = address
        try:
            self._client = self._joined(address) if address else self._own(workers or batch_workers())
        except AssertionError:  # its loop's thread did not begin within ten seconds
            self._let_go()
            raise SpecError("Dask did not start in time on this busy machine: try again") from None
        self._client.subscribe_topic(TOPIC, self._heard)

    def _own(self, workers: int) -> Any:
        import dask

        dask.config.set(_SETTINGS)
        self._cluster = self._distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1", security=True,
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
        )  # fmt: skip
        return self._distributed.Client(self._cluster, set_as_default=False)

    def _joined(self, address: str) -> Any:
        refuse_open(address)
        if address.startswith("tls:"):
            certified(address)
        try:
            return self._distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise SpecError(f"no scheduler of Dask's answers at {address} ({reason})") from None

    def _heard(self, event: tuple[float, Any]) -> None:
        if isinstance(event[1], str):
            self._events.put(event[1])

    def slots(self) -> int:
        """One for each worker process, which does one job at a time. Raises SpecError when the scheduler is gone."""
        if self._client.status != "running":
            raise SpecError(self._gone())
        return int(self._client.scheduler_info(n_workers=0)["n_workers"])

    def _gone(self) -> str:
        return f"Dask's scheduler {self.address} is gone: start the sweep again, and it goes on where it stopped"

    def submit(self, job_id: str, order: str, checkpoint: bytes | None) -> None:
        future = self._client.submit(task, order, checkpoint, pure=False, key=f"{job_id}-{time.time_ns()}")
        future.add_done_callback(lambda _: self._ended.set())
        self._futures[job_id] = future

    def cancel(self, job_id: str, how: str = "cancel") -> None:
        """Ask the job to end; asked again every second, as it may have started anew in another process."""
        if how == DROP:
            future = self._futures.pop(job_id, None)
            if future is not None:
                future.cancel(force=True)
            return
        place, now = self._places.get(job_id), time.monotonic()
        if place and now >= self._asked.get(job_id, 0.0):
            self._asked[job_id] = now + ASK_SECONDS
            self._client.run(pass_on, job_id, how, workers=[place], wait=False, on_error="ignore")

    def events(self) -> Iterator[Event]:
        while True:
            try:
                event = Event.decode(self._events.get_nowait())
            except queue.Empty:
                return
            if event is None or event.job_id not in self._futures:
                continue
            if event.what == BEGAN:
                self._places[event.job_id] = str(event.values[-1]) if event.values else ""
            yield event

    def reap(self) -> list[Outcome]:
        """Fetch results as soon as they are done: what a worker still has is lost with it, and done again."""
        self._ended.clear()
        found = []
        for job_id, future in list(self._futures.items()):
            if future.status == "pending":
                continue
            if future.status in ("cancelled", "lost"):
                raise SpecError(self._gone())
            try:
                outcome = Outcome(job_id, future.result(timeout=FETCH_SECONDS))
            except TimeoutError:
                continue  # its worker was lost just now, and another one does it again
            except self._distributed.KilledWorker:
                outcome = Outcome(job_id, lost=DEATHS.format(MOST_DEATHS, ""))
            except Exception as error:  # noqa: BLE001 - whatever Dask says, the job ends with a reason
                outcome = Outcome(job_id, lost=f"the engine gave it up: {' '.join(str(error).split())[:200]}")
            self._forget(job_id)
            found.append(outcome)
        return found

    def _forget(self, job_id: str) -> None:
        future = self._futures.pop(job_id, None)
        if future is not None:
            future.release()
        self._places.pop(job_id, None)
        self._asked.pop(job_id, None)

    def wait(self, seconds: float) -> None:
        self._ended.wait(seconds)

    def close(self) -> None:
        for job_id in list(self._futures):
            with suppress(Exception):
                self.cancel(job_id, DROP)
        with suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=5)
        self._let_go()

    def _let_go(self) -> None:
        """End the cluster, if it is ours."""
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=10)
