"""A long-lived worker: `python -m gi_core.workers.worker --lane interactive|batch|reading`.

Loads torch before the first job comes, keeps the last questions, and takes jobs from its lane
until there is neither a server nor a job. Previews are answered between two iterations of a run,
in the same process: they read the pictures and network that the run will need, and cost no second
torch (about 350 MB).
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from pathlib import Path

from gi_core.jobs import allowances, capacity, recovery, supervision
from gi_core.jobs.job import LANES, Job
from gi_core.jobs.processes import BEAT_SECONDS, Processes
from gi_core.jobs.sink import Control, StoreControl
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Lost, Writer
from gi_core.settings import SpecError
from gi_core.workers.between import Between, draws_kept

IDLE_SECONDS = {"interactive": 20.0, "batch": 60.0, "reading": 60.0}
LOOK_SECONDS = 0.1
NICE = {"interactive": 5, "batch": 15, "reading": 5}
TRIM_SECONDS = 1.0
REHEARSAL_SECONDS = 2.0
QUICK = ("preview", "thumbnails", "inspect", "record")


class Worker:
    """One lane's worker."""

    def __init__(self, store: Store, lane: str, life: str = "") -> None:
        self.store, self.lane = store, lane
        self.processes = Processes(store.database)
        self.life = self.processes.register("worker", lane, name=life, note="starting")
        self.writer = Writer(store, self.life)
        self.leaving = threading.Event()
        self._idle_since = time.monotonic()
        self._doing: list[supervision.Doing] = []  # a preview in between two iterations of a run comes last
        self._trimmed = self._rehearsed = False

    def run(self) -> bool:
        """Work until it is time to leave. True where the process should start anew, as it holds more memory than an idle one may."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.leaving.set())
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            self._warm_up()
            while not self.leaving.is_set():
                job = self._claim()
                if job is not None:
                    self.do(job)
                elif self._unwanted():
                    break
                elif self._too_large():
                    self.processes.say(self.life, "starting")
                    return True
                elif self._quiet():
                    self._rehearse()
                else:
                    self.leaving.wait(LOOK_SECONDS)
        except BaseException:
            self.processes.leave(self.life)
            raise
        self.processes.leave(self.life)
        return False

    def _claim(self) -> Job | None:
        """The next job; none while the store cannot be written (a full disk): it may be the next time."""
        try:
            return self.writer.claim(self.lane)
        except (SpecError, sqlite3.OperationalError) as error:
            print(f"no job taken: {error}", file=sys.stderr)
            self.leaving.wait(BEAT_SECONDS)
            return None

    def do(self, job: Job, control: Control | None = None) -> None:
        """One job, from claim to end; one that was taken away is dropped."""
        from gi_core.workers import duties

        self._doing.append(supervision.Doing(job.id, job.kind))
        self.processes.say(self.life, job.id)
        own = self.between(job.id)
        try:
            duties.do(job, self.writer, control or own, self.questions)
            own.rest(lambda: "")  # what lies outside the iterations is most of a short run
        except Lost:
            print(f"job {job.id} was taken away", file=sys.stderr)
        finally:
            self._doing.pop()
            self.processes.say(self.life, self._doing[-1].id if self._doing else "idle")
            self._idle_since, self._trimmed = time.monotonic(), False

    def between(self, job_id: str) -> Between:
        """What stops or interrupts a job: previews in the interactive lane, persons' runs in the batch lane."""
        answer = self.answer_quickly if self.lane == "interactive" else None
        return Between(self.writer, job_id, self.leaving, answer, self.others_wait if self.lane == "batch" else None)

    def answer_quickly(self) -> None:
        """Between two iterations: do one waiting preview, look into a file or the like, if there is one."""
        job = self.writer.claim(self.lane, QUICK)
        if job is not None:
            with draws_kept():
                self.do(job, StoreControl(self.writer, job.id))

    def others_wait(self) -> bool:
        """Whether a person's job runs or waits in the interactive lane, and this worker's core is one that it needs."""
        row = self.store.database.row(
            "SELECT 1 FROM jobs WHERE lane = 'interactive' AND state IN ('queued', 'running', 'pausing') LIMIT 1"
        )
        if row is None:
            return False
        lives = [p.id for p in self.processes.all("worker", "batch")]
        return self.life not in lives[: max(0, capacity.cores() - capacity.SPARE_CORES)]

    def _warm_up(self) -> None:
        from gi_core import data, metrics
        from gi_core.common.threads import one_thread
        from gi_core.experiments import setup
        from gi_core.experiments.preview import preview
        from gi_core.workers import duties

        one_thread()
        self.questions = setup.Questions()
        waiting = "SELECT 1 FROM jobs WHERE state = 'queued' AND lane = ?"
        if self.store.database.row(waiting, (self.lane,)) is None:
            folder = self.store.home / "warm-up"
            folder.mkdir(exist_ok=True)
            try:
                preview(duties.WARM_UP, folder, self.questions)
                metrics.quick(*[data.load(duties.WARM_UP).images] * 2)
            except Exception:  # noqa: BLE001 - a job that meets the same trouble will say so to its person
                traceback.print_exc()
        self.processes.say(self.life, "idle")

    def _quiet(self) -> bool:
        """Whether nobody has wanted anything for a moment, and something is left to be loaded."""
        loaded = self._rehearsed or self.lane != "interactive"
        return not loaded and time.monotonic() - self._idle_since > REHEARSAL_SECONDS

    def _rehearse(self) -> None:
        """Import what the first network of torchvision would wait for, more than a second of it."""
        self._rehearsed = True
        try:
            importlib.import_module("gi_core.networks.torchvision_nets")
        except Exception:  # noqa: BLE001 - a job that meets the same trouble will say so to its person
            traceback.print_exc()

    def _unwanted(self) -> bool:
        """Idle for a while without a server (in the other lanes: idle for a while)."""
        if time.monotonic() - self._idle_since < IDLE_SECONDS[self.lane]:
            return False
        return self.lane != "interactive" or not self.processes.served()

    def _too_large(self) -> bool:
        """Whether it holds more memory than an idle worker may keep, even after returning what is free."""
        if self._trimmed or time.monotonic() - self._idle_since < TRIM_SECONDS:
            return False
        self._trimmed = True
        if supervision.resident() <= allowances.idle() or supervision.trim() <= allowances.idle():
            return False
        self.questions.drop()
        return supervision.trim() > allowances.idle()

    def _beat(self) -> None:
        """Note that it lives, and end a job that takes more than it may. Leave when the store is gone or the worker's entry
        was removed."""
        while not self.leaving.wait(BEAT_SECONDS):
            try:
                held = supervision.resident()
                if not (self.store.database.file.exists() and self.processes.beat(self.life, held)):
                    self.leaving.set()
                self._look_at_itself()
            except (sqlite3.Error, SpecError) as error:  # a full or busy disk: the next beat may succeed
                print(f"no heartbeat: {error}", file=sys.stderr)

    def _look_at_itself(self) -> None:
        doing = next(iter(self._doing[-1:]), None)  # the other thread may have ended it by now
        if doing is None:
            return
        reason = supervision.overdrawn(doing, self.lane)
        if reason and recovery.end(self.store.database, self.store.runs, self.life, doing.id, reason):
            print(f"job {doing.id}: {reason}", file=sys.stderr, flush=True)
            self.processes.leave(self.life)
            os._exit(supervision.OVERDRAWN)


def main(arguments: list[str] | None = None) -> None:
    """Entry of the process. GI_HOME is the folder of the store."""
    parser = argparse.ArgumentParser(prog="python -m gi_core.workers.worker", description=__doc__.splitlines()[0])
    parser.add_argument("--lane", choices=LANES, default="interactive")
    parser.add_argument("--home", type=Path, default=None, help="folder of the store; default GI_HOME")
    parser.add_argument("--life", default="", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE[given.lane], os.getpriority(os.PRIO_PROCESS, 0)))
    supervision.hold(allowances.memory(given.lane))
    worker = Worker(Store(given.home), given.lane, given.life)
    if worker.run():  # the same process and life, with nothing of what it held
        home = ["--home", str(given.home)] if given.home is not None else []
        again = ["--lane", given.lane, "--life", worker.life, *home]
        os.execv(sys.executable, [sys.executable, "-m", "gi_core.workers.worker", *again])


if __name__ == "__main__":
    main()
