"""Keeps workers alive, and gives back the jobs of dead ones. No torch.

Any number of servers may have one on the same store: a file lock lets one at a time look.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gi_core.jobs import capacity, process, recovery, supervision
from gi_core.jobs.job import FOLLOWS, LANES, new_id
from gi_core.jobs.processes import OUT_OF_MEMORY, Process, Processes
from gi_core.jobs.store import Store
from gi_core.settings import SpecError

LOOK_SECONDS = 1.0
TERM_SECONDS, KILL_SECONDS = 15.0, 30.0
LONGEST_WAIT = 60.0
LOG_BYTES = 2**20
ROOT = Path(__file__).resolve().parents[2]


class Dispatcher:
    """Keeps the workers of a store alive. Call `ensure` as often as you like; the first call starts a thread that goes on looking."""

    def __init__(self, store: Store, lanes: tuple[str, ...] = LANES, workers: int | None = None) -> None:
        """lanes: those to keep workers for. workers: most of the batch lane, in place of what the machine carries."""
        self.lanes, self.most = lanes, {"batch": workers or capacity.batch_workers()}
        self.store = store if store.viewer is None else Store(store.home)
        self.processes = Processes(self.store.database)
        self.error = ""
        self._life = ""
        process.edition()  # read now, while it is what this server has loaded
        self._children: list[tuple[subprocess.Popen, str]] = []
        self._memory_kills = supervision.kills_for_memory()
        self._watch = supervision.Watch(self.store)
        self._starts: dict[str, list[float]] = {lane: [] for lane in LANES}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._guard = threading.Lock()

    def ensure(self) -> None:
        """Keep a warm interactive worker, and workers in the other lanes while there is work; take jobs back from dead ones."""
        self.start()
        self.look()

    def start(self) -> None:
        """Look every second in the background. A second call changes nothing."""
        with self._guard:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self._thread = threading.Thread(target=self._go_on, name="dispatcher", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop looking, and note that this server needs no workers any longer. Workers end their jobs."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        if self._life:
            self.processes.leave(self._life)
            self._life = ""

    def status(self) -> dict[str, str]:
        """For each lane: the id of a job, "idle" or "starting" where no worker has one, or "" without a worker."""
        found = [p for p in self.processes.all("worker") if p.alive]
        notes = {p.lane: p.note for p in sorted(found, key=lambda p: p.note not in ("starting", "idle"))}
        return {lane: notes.get(lane, "") for lane in LANES}

    def look(self) -> None:
        """Look after all workers once, now; if another process is doing so, that is enough."""
        with self._guard:
            if not self._life or not self.processes.beat(self._life):
                self._life = self.processes.register("server")
            self._reap()
            with self._alone() as first:
                if first:
                    recovery.reclaim(self.store.database, self.store.runs)
                    self._enforce_cancels()
                    for pid in self._watch.look(self.processes.all("worker")):
                        os.kill(pid, signal.SIGKILL)
                    for lane in self.lanes:
                        self._start_missing(lane)

    def _reap(self) -> None:
        """Note how workers that this server started have ended, before their jobs are given back."""
        ended = [(child, lane) for child, lane in self._children if child.poll() is not None]
        self._children = [(child, lane) for child, lane in self._children if child.returncode is None]
        before, self._memory_kills = self._memory_kills, supervision.kills_for_memory()
        for child, lane in ended:
            full = child.returncode == -signal.SIGKILL and self._memory_kills > before
            self.processes.ended(child.pid, OUT_OF_MEMORY if full else str(child.returncode))
            if not full and child.returncode in (0, supervision.OVERDRAWN, *recovery.OUTSIDE) and self._starts[lane]:
                self._starts[lane].pop(0)  # it did not die of itself: the next one need not wait

    def _go_on(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
                self.error = ""
            except (sqlite3.Error, OSError, SpecError) as error:
                self.error = str(error)  # a full or busy disk: the next look may succeed

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        with open(self.store.home / "dispatcher.lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def _enforce_cancels(self) -> None:
        """A worker that does not answer to cancel is asked by SIGTERM, then ended by SIGKILL."""
        late = self.store.database.rows(
            "SELECT asked_at, pid, pid_started FROM jobs JOIN processes ON processes.id = jobs.worker"
            " WHERE asked = 'cancel' AND state IN ('running', 'pausing') AND role = 'worker' AND asked_at < ?",
            (time.time() - TERM_SECONDS,),
        )
        for row in late:
            if process.alive(row["pid"], row["pid_started"]):
                gone = time.time() - row["asked_at"] > KILL_SECONDS
                os.kill(row["pid"], signal.SIGKILL if gone else signal.SIGTERM)

    def _start_missing(self, lane: str) -> None:
        """Start the workers that the lane lacks, more slowly when workers die one after another."""
        workers: list[Process] = self.processes.all("worker", lane)
        for worker in workers:
            if worker.code < process.edition() and worker.note == "idle":
                os.kill(worker.pid, signal.SIGTERM)  # it loaded an older program
        most = self.most.get(lane, 1)
        wanted = 1 if lane == "interactive" else min(most, self._work(lane))
        for _ in range(wanted - len(workers)):
            now, free = time.monotonic(), 3 * most
            recent = [t for t in self._starts[lane] if now - t < 300]
            wait = 0.0 if len(recent) < free else min(LONGEST_WAIT, 2.0 ** (len(recent) - free + 1))
            if recent and now - recent[-1] < wait:
                return
            self._starts[lane] = [*recent, now]
            self._spawn(lane)

    def _work(self, lane: str) -> int:
        """Jobs that wait in the lane or that a worker has."""
        row = self.store.database.row(
            "SELECT count(*) FROM jobs WHERE lane = ? AND kind != ? AND state IN ('queued', 'running', 'pausing')",
            (lane, FOLLOWS),
        )
        return int(row[0]) if row else 0

    def _spawn(self, lane: str) -> None:
        life, folder = new_id(), self.store.home / "logs"
        folder.mkdir(exist_ok=True)
        path = folder / f"worker-{lane}.log"
        mode = "ab" if path.exists() and path.stat().st_size < LOG_BYTES else "wb"
        search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        with open(path, mode) as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "gi_core.workers.worker", "--lane", lane, "--life", life],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **threads, "GI_HOME": str(self.store.home), "PYTHONPATH": search},
            )
        self._children.append((child, lane))
        self.processes.register(
            "worker", lane, of=(child.pid, process.started(child.pid) or ""), name=life, note="starting"
        )
