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

from gi_core.runs import process, recovery
from gi_core.runs.job import LANES, new_id
from gi_core.runs.processes import Process, Processes
from gi_core.runs.store import Store
from gi_core.spec import SpecError

LOOK_SECONDS = 1.0
TERM_SECONDS, KILL_SECONDS = 15.0, 30.0
LONGEST_WAIT = 60.0
LOG_BYTES = 2**20
ROOT = Path(__file__).resolve().parents[2]


class Dispatcher:
    """ensure() as often as you like; the first call also starts a thread that goes on looking."""

    def __init__(self, store: Store) -> None:
        self.store = store if store.viewer is None else Store(store.home)
        self.processes = Processes(self.store.database)
        self.error = ""
        self._life = ""
        process.edition()  # read now, while it is what this server has loaded
        self._children: list[subprocess.Popen] = []
        self._starts: dict[str, list[float]] = {lane: [] for lane in LANES}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._guard = threading.Lock()

    def ensure(self) -> None:
        """A warm interactive worker, a batch worker while there is batch work; the dead are seen to."""
        self.start()
        self.look()

    def start(self) -> None:
        """Look every second in the background; starting twice is starting once."""
        with self._guard:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self._thread = threading.Thread(target=self._go_on, name="dispatcher", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Look no more, and say that this server wants no workers any longer. Workers end their jobs."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        if self._life:
            self.processes.leave(self._life)
            self._life = ""

    def status(self) -> dict[str, str]:
        """For each lane: "starting", "idle", the id of the job, or "" without a worker."""
        notes = {p.lane: p.note for p in self.processes.all("worker") if p.alive}
        return {lane: notes.get(lane, "") for lane in LANES}

    def look(self) -> None:
        """One round, at once; another process doing it just now is as good."""
        with self._guard:
            if not self._life or not self.processes.beat(self._life):
                self._life = self.processes.register("server")
            self._children = [child for child in self._children if child.poll() is None]
            with self._alone() as first:
                if first:
                    self._bury()
                    self._press()
                    for lane in LANES:
                        self._man(lane)

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

    def _bury(self) -> None:
        """Give back the jobs of the dead and strike them off."""
        database, lives = self.store.database, []
        for role in ("server", "worker", "command"):
            for entry in self.processes.all(role):
                if entry.alive:
                    lives.append(entry)
                    continue
                recovery.recover(database, self.store.runs, entry.id, role)
                self.processes.leave(entry.id)
        for life in recovery.forgotten(database, lives):
            recovery.recover(database, self.store.runs, life)

    def _press(self) -> None:
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

    def _man(self, lane: str) -> None:
        """Start the lane's worker if it has none, more slowly when workers die one after another."""
        workers: list[Process] = self.processes.all("worker", lane)
        for worker in workers:
            if worker.code < process.edition() and worker.note == "idle":
                os.kill(worker.pid, signal.SIGTERM)  # it loaded an older program
        if workers or (lane == "batch" and not self._has_work(lane)):
            return
        now = time.monotonic()
        recent = [t for t in self._starts[lane] if now - t < 300]
        wait = 0.0 if len(recent) < 3 else min(LONGEST_WAIT, 2.0 ** (len(recent) - 2))
        if recent and now - recent[-1] < wait:
            return
        self._starts[lane] = [*recent, now]
        self._spawn(lane)

    def _has_work(self, lane: str) -> bool:
        return self.store.database.row("SELECT 1 FROM jobs WHERE state = 'queued' AND lane = ?", (lane,)) is not None

    def _spawn(self, lane: str) -> None:
        life, folder = new_id(), self.store.home / "logs"
        folder.mkdir(exist_ok=True)
        path = folder / f"worker-{lane}.log"
        mode = "ab" if path.exists() and path.stat().st_size < LOG_BYTES else "wb"
        search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        with open(path, mode) as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "gi_core.runs.worker", "--lane", lane, "--life", life],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **threads, "GI_HOME": str(self.store.home), "PYTHONPATH": search},
            )
        self._children.append(child)
        self.processes.register(
            "worker", lane, of=(child.pid, process.started(child.pid) or ""), name=life, note="starting"
        )
