"""Sixty attacks on a LeNet, by real workers: killed, with their server, and resumed; nothing is lost or done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gi_core.experiments.setup import Questions
from gi_core.experiments.sweeps import table
from gi_core.jobs import sweeps
from gi_core.jobs.processes import Process, Processes
from gi_core.jobs.sink import Free
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings.sweep import Sweep, build_sweep
from gi_core.workers import duties
from tests.runs_helpers import tiny_spec, wait

pytestmark = pytest.mark.slow
torch.set_num_threads(1)
SERVER = (
    "import time; from gi_core.jobs.store import Store; from gi_core.jobs.dispatcher import Dispatcher;"
    "Dispatcher(Store(), workers=2).ensure(); time.sleep(3600)"
)
TIMES = ("run_id", "seconds")


def sixty() -> Sweep:
    return build_sweep({
        "name": "Sixty",
        "base": {"size": 12, "channels": 1, "model": "lenet:width=6,classes=4", "device": "cpu",
                 "attack": "levenberg_marquardt:iterations=6,krylov=20,restarts=1"},
        "axes": [
            {"name": "Noise", "path": "defenses", "values": [[], ["gaussian_noise:std=1e-4"], ["gaussian_noise:std=1e-2"]]},
            {"name": "Picture", "path": "samples", "values": [[f"bundled/faces:{i}"] for i in range(4)]},
            {"name": "Seed", "path": "seed", "values": [0, 1, 2, 3, 4]},
        ],
    })  # fmt: skip


@pytest.fixture
def servers():
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        started.append(subprocess.Popen([sys.executable, "-c", SERVER]))
        return started[-1]

    yield start
    for server in started:
        server.kill()
        server.wait()


def _workers(store: Store, lane: str = "batch") -> list[Process]:
    return [p for p in Processes(store.database).all("worker", lane) if p.alive]


def _kill(store: Store, lane: str = "batch", most: int = 9) -> int:
    found = [p for p in _workers(store, lane) if p.note not in ("starting", "idle")][:most]
    for one in found:
        os.kill(one.pid, signal.SIGKILL)
    return len(found)


def _done(store: Store, number: str) -> int:
    return sweeps.status(store, number).counts.get("done", 0)


def _rows(store: Store, number: str) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in TIMES} for row in table.records(store, number)]


def _undisturbed(home: Path) -> list[dict]:
    store, questions = Store(home), Questions()
    number = sweeps.start(store, sixty())
    writer = Writer(store, Processes(store.database).register("worker", "batch"))
    while (job := writer.claim("batch")) is not None:
        duties.do(job, writer, Free(), questions)
    return _rows(store, number)


def test_sixty_experiments_survive_the_death_of_workers_and_server(gi_home, tmp_path, servers):
    store = Store()
    server, number = servers(), sweeps.start(store, sixty())
    try:
        wait(lambda: len(_workers(store)) == 2, 60)
        wait(lambda: _done(store, number) >= 5, 180)
        killed = _kill(store, most=1)
        wait(lambda: _done(store, number) >= 15, 180)
        person = store.submit("run", tiny_spec())
        wait(lambda: store.job(person).state == "done", 120)
        assert store.job(number).state == "running", "a person's run does not wait for a sweep"
        before = {e.job.id: e.job for e in sweeps.members(store, number) if e.state == "done"}
        server.kill()
        server.wait()
        killed += _kill(store)
        assert killed and store.job(number).state == "running"
        servers()
        wait(lambda: store.job(number).over, 400)
        status, entries = sweeps.status(store, number), sweeps.members(store, number)
        assert status.state == "done" and status.counts == {"done": 60} and len({e.job.id for e in entries}) == 60
        for entry in entries:
            known = before.get(entry.job.id)
            assert known is None or (entry.job.attempts, entry.job.finished) == (known.attempts, known.finished)
        again = [e.job for e in entries if e.job.attempts > 1]
        assert len(again) == sum(e.job.interrupted for e in entries) <= killed
        assert _rows(store, number) == _undisturbed(tmp_path / "undisturbed")
    finally:
        for lane in ("batch", "interactive"):
            for one in _workers(store, lane):
                os.kill(one.pid, signal.SIGKILL)


def test_a_sweep_goes_on_after_a_pause_without_repeating_what_is_done(gi_home, servers):
    store = Store()
    servers()
    number = sweeps.start(store, sixty())
    try:
        wait(lambda: _done(store, number) >= 4, 180)
        store.control(number, "pause")
        wait(lambda: store.job(number).state == "paused", 60)
        done = {e.job.id: e.job.finished for e in sweeps.members(store, number) if e.state == "done"}
        store.control(number, "resume")
        wait(lambda: _done(store, number) >= len(done) + 4, 180)
        store.control(number, "cancel")
        wait(lambda: store.job(number).state == "cancelled", 60)
        kept = {e.job.id: e.job.finished for e in sweeps.members(store, number) if e.state == "done"}
        assert done.items() <= kept.items() and len(kept) < 60
    finally:
        for lane in ("batch", "interactive"):
            for one in _workers(store, lane):
                os.kill(one.pid, signal.SIGKILL)
