"""A worker that takes too much is ended, and only its job is blamed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gi_core.jobs import process, recovery, supervision
from gi_core.jobs.dispatcher import Dispatcher
from gi_core.jobs.processes import OUT_OF_MEMORY, Process, Processes
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from tests.runs_helpers import faces, tiny_spec, wait

pytestmark = pytest.mark.usefixtures("sixteen_gib")
GIB = 2**30


def _process(**more) -> Process:
    return Process("life", "worker", "interactive", 1, "", 0.0, **more)


@pytest.mark.parametrize(
    ("more", "how"),
    [
        ({}, "killed"),
        ({"ended": "-9"}, "killed"),
        ({"ended": "-15"}, "killed"),
        ({"ended": "0"}, "killed"),
        ({"ended": "-9", "bytes": 7 * GIB}, "memory"),
        ({"bytes": 7 * GIB}, "memory"),
        ({"ended": "-15", "bytes": 7 * GIB}, "killed"),
        ({"ended": OUT_OF_MEMORY, "bytes": GIB}, "memory"),
        ({"ended": "-11"}, "crash"),
        ({"ended": "-6", "bytes": GIB}, "crash"),
        ({"ended": "1"}, "error"),
    ],
)
def test_how_a_worker_died(more, how):
    assert recovery.death(_process(**more)).how == how


def test_only_the_job_that_was_being_done_is_blamed(gi_home):
    store = Store()
    run, look = store.submit("run", tiny_spec()), store.submit("preview", tiny_spec())
    writer = Writer(store, Processes(store.database).register("worker", "interactive"))
    writer.take(run), writer.take(look)
    assert recovery.end(store.database, store.runs, writer.worker, look, "it took too much")
    assert (store.job(look).state, store.job(look).error) == ("failed", "it took too much")
    assert store.job(run).state == "queued" and "over another job" in store.job(run).notices[-1]
    assert not recovery.end(store.database, store.runs, writer.worker, look, "again")


def test_a_server_ends_a_worker_that_takes_too_much_and_does_not_repeat_its_job(gi_home, monkeypatch):
    monkeypatch.setattr(Dispatcher, "_spawn", lambda self, lane: None)
    monkeypatch.setenv("GI_MEMORY_MB", "100")
    code = "import time; a = bytearray(300 * 2**20); print('there', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline()
        store, start = Store(), process.started(child.pid)
        life = Processes(store.database).register("worker", "interactive", of=(child.pid, start))
        run = store.submit("run", tiny_spec())
        Writer(store, life).take(run)
        Processes(store.database).say(life, run)
        Dispatcher(store).look()
        assert child.wait(10) == -signal.SIGKILL
        job = store.job(run)
        assert job.state == "failed" and "more than the 100 MiB of memory that it may" in job.error
    finally:
        child.kill()
        child.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_worker_cannot_have_more_than_it_may():
    code = (
        "import numpy as np; from gi_core.jobs import supervision; supervision.capacity.accelerated = lambda: False;"
        "supervision.hold(2**27); np.ones(2**28, np.uint8);\n"
        "try: np.ones(2**30, np.uint8)\nexcept MemoryError: print('refused')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert found.stdout == "refused\n", found.stderr


@pytest.mark.slow
def test_a_worker_starts_lean_after_a_heavy_job(gi_home, monkeypatch):
    """The same process and life, with the memory of a fresh one."""
    monkeypatch.undo()
    monkeypatch.setenv("GI_IDLE_MB", "400")
    store = Store()
    dispatcher = Dispatcher(store, lanes=("interactive",))
    processes = Processes(store.database)
    try:
        run = store.submit(
            "run", faces(1, size=64, model={"kind": "resnet18"}, attack={"iterations": 2}).model_dump(mode="json")
        )
        dispatcher.ensure()
        most = 0

        def over() -> bool:
            nonlocal most
            most = max([most, *(supervision.resident(p.pid) for p in processes.all("worker"))])
            return store.job(run).over

        wait(over, 300)
        first = processes.all("worker")[0]
        assert store.job(run).state == "done", store.job(run).error
        wait(
            lambda: (
                (now := processes.all("worker"))
                and now[0].note == "idle"
                and supervision.resident(now[0].pid) < 400 * 2**20
            ),
            120,
        )
        assert most > 400 * 2**20 and processes.all("worker")[0].id == first.id
        again = store.submit("run", tiny_spec())
        wait(lambda: store.job(again).state == "done", 120)
    finally:
        dispatcher.stop()
        for one in processes.all("worker"):
            if one.alive:
                os.kill(one.pid, signal.SIGKILL)
