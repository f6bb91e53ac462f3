"""What becomes of workers: who starts them, who notices their death, what happens to their jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gi_core.jobs import capacity, process, recovery
from gi_core.jobs.dispatcher import Dispatcher
from gi_core.jobs.processes import Processes
from gi_core.jobs.recovery import Death
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Lost, Writer
from tests.runs_helpers import tiny_spec, wait


@pytest.fixture
def store(gi_home) -> Store:
    return Store()


def test_the_dead_are_told_from_the_living_by_pid_and_start():
    pid, start = process.me()
    assert process.alive(pid, start) and not process.alive(pid, "1") and not process.alive(0, start)
    child = subprocess.Popen([sys.executable, "-c", ""])
    began = process.started(child.pid)
    wait(lambda: not process.alive(child.pid, began or "gone"))  # a zombie is dead too
    child.wait()


def _held(store, **columns) -> str:
    run = store.submit("run", tiny_spec())
    Writer(store, "dead").take(run)
    for name, value in columns.items():
        store.database.write(f"UPDATE jobs SET {name} = ? WHERE id = ?", (value, run))
    return run


ERROR = Death("error")


@pytest.mark.parametrize(
    ("columns", "checkpoint", "role", "state", "word"),
    [
        ({}, True, "worker", "queued", "goes on from the last checkpoint"),
        ({}, False, "worker", "queued", "starts again"),
        ({"attempts": 3}, False, "worker", "queued", "starts again"),
        ({"attempts": 3}, False, ERROR, "failed", "died 3 times"),
        ({"attempts": 8, "kills": 6}, False, ERROR, "queued", "starts again"),
        ({"kills": 18, "attempts": 19}, False, "worker", "queued", "starts again"),
        ({"kills": 19, "attempts": 20}, False, "worker", "paused", "killed 20 times"),
        ({"kills": 19, "kind": "preview"}, False, "worker", "failed", "killed 20 times"),
        ({"kills": 19, "claimed": 1.0}, True, "worker", "queued", "goes on"),
        ({}, True, Death("memory", "memory ran out"), "failed", "memory ran out; it is not repeated"),
        ({}, True, Death("crash", "the program crashed"), "failed", "crashed; it is not repeated"),
        ({}, False, Death("crash", "x", blamed="another"), "queued", "starts again"),
        ({"kind": "federation"}, True, "worker", "queued", "goes on from its last round"),
        ({"attempts": 3}, True, "worker", "queued", "goes on"),
        ({"attempts": 3, "claimed": 1e12}, True, ERROR, "failed", "died 3 times"),
        ({"asked": "cancel"}, True, "worker", "cancelled", "by force"),
        ({"asked": "pause", "state": "pausing"}, True, "worker", "paused", "resume"),
        ({}, True, "command", "paused", "resume"),
        ({}, False, "command", "failed", "command"),
    ],
)
def test_what_becomes_of_a_dead_worker_s_job(store, columns, checkpoint, role, state, word):
    run = _held(store, **columns)
    folder = Writer(store, "dead").folder(run)
    if checkpoint:
        (folder / "checkpoint.pt").write_bytes(b"x")
    died = role if isinstance(role, Death) else None
    role = "worker" if died else role
    assert recovery.recover(store.database, store.runs, "dead", role, died) == [run]
    job = store.job(run)
    assert job.state == state and job.interrupted and word in job.notices[-1]
    assert word in store.log(run)[-1][1] and (job.error is not None) == (state == "failed")
    assert recovery.recover(store.database, store.runs, "dead", role) == []
    with pytest.raises(Lost):
        Writer(store, "dead").record(run, {}, [])


def test_dispatcher_starts_one_worker_whoever_asks_and_replaces_a_dead_one(store, monkeypatch):
    started = []

    def spawn(self, lane):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        started.append((lane, child))
        self.processes.register("worker", lane, of=(child.pid, process.started(child.pid)))

    monkeypatch.setattr(Dispatcher, "_spawn", spawn)
    first, second = Dispatcher(store), Dispatcher(Store())
    try:
        for dispatcher in (first, second, first):
            dispatcher.look()
        assert [lane for lane, _ in started] == ["interactive"] and len(Processes(store.database).all("server")) == 2
        store.submit("run", tiny_spec(), lane="batch")
        second.look()
        assert [lane for lane, _ in started] == ["interactive", "batch"]
        started[0][1].kill()
        wait(lambda: first.look() or len(started) == 3)
        assert started[2][0] == "interactive"
        run = store.submit("run", tiny_spec())
        Writer(store, Processes(store.database).all("worker", "interactive")[0].id).take(run)
        store.control(run, "cancel")
        store.database.write("UPDATE jobs SET asked_at = asked_at - 20 WHERE id = ?", (run,))
        first.look()
        wait(lambda: first.look() or store.job(run).state == "cancelled")
    finally:
        for _, child in started:
            child.kill()
            child.wait()


def test_an_idle_worker_of_an_older_program_makes_way(store, monkeypatch):
    monkeypatch.setattr(Dispatcher, "_spawn", lambda self, lane: None)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    processes = Processes(store.database)
    life = processes.register("worker", "interactive", of=(child.pid, process.started(child.pid)), note="idle")
    dispatcher = Dispatcher(store)
    dispatcher.look()
    assert child.poll() is None
    store.database.write("UPDATE processes SET code = code - 1, note = 'abc' WHERE id = ?", (life,))
    dispatcher.look()
    assert child.poll() is None  # it has a job
    processes.say(life, "idle")
    dispatcher.look()
    assert child.wait(60) == -signal.SIGTERM


def test_workers_that_die_at_once_are_started_ever_more_slowly(store, monkeypatch):
    tries = []
    monkeypatch.setattr(Dispatcher, "_spawn", lambda self, lane: tries.append(lane))
    dispatcher = Dispatcher(store)
    for _ in range(20):
        dispatcher.look()
    assert len(tries) == 3


def test_the_batch_lane_gets_as_many_workers_as_there_is_work_for(store, monkeypatch):
    started = []

    def spawn(self, lane):
        started.append(lane)
        self.processes.register("worker", lane)  # alive as long as this process

    monkeypatch.setattr(Dispatcher, "_spawn", spawn)
    dispatcher = Dispatcher(store, lanes=("batch",), workers=3)
    dispatcher.look()
    assert started == [], "without work there is no worker, and the other lane is nobody's business"
    for seed in range(2):
        store.submit("run", tiny_spec(seed=seed), lane="batch")
    dispatcher.look()
    assert started == ["batch"] * 2
    for seed in range(2, 9):
        store.submit("run", tiny_spec(seed=seed), lane="batch")
    dispatcher.look()
    dispatcher.look()
    assert started == ["batch"] * 3


def test_how_many_workers_a_machine_carries(monkeypatch):
    monkeypatch.setattr(capacity, "cores", lambda: 4)
    monkeypatch.setattr(capacity, "accelerated", lambda: False)
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 64 * 2**30)
    monkeypatch.delenv("GI_BATCH_WORKERS", raising=False)
    assert capacity.batch_workers() == 4
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 5 * 2**29)
    assert capacity.batch_workers() == 2
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 0)
    assert capacity.batch_workers() == 1
    monkeypatch.setenv("GI_BATCH_WORKERS", "7")
    assert capacity.batch_workers() == 7
    monkeypatch.setenv("GI_BATCH_WORKERS", "none")
    monkeypatch.setattr(capacity, "accelerated", lambda: True)
    assert capacity.batch_workers() == 1


def _stop_all(store: Store) -> None:
    for entry in Processes(store.database).all("worker"):
        if entry.alive:
            os.kill(entry.pid, signal.SIGKILL)


@pytest.mark.slow
def test_kill_9_of_a_worker_is_noticed_and_the_run_goes_on(store):
    dispatcher = Dispatcher(store)
    try:
        dispatcher.ensure()
        run = store.submit("run", tiny_spec(settings={"iterations": 6000}))
        wait(lambda: (store.path(run) / "checkpoint.pt").exists(), 90)
        held = Processes(store.database).all("worker", "interactive")[0]
        os.kill(held.pid, signal.SIGKILL)
        wait(lambda: store.job(run).interrupted, 60)
        assert "goes on" in store.job(run).notices[-1]
        wait(lambda: store.job(run).state == "done", 180)
        assert any("resumed from the checkpoint" in text for _, text in store.log(run))
        job = store.job(run)
        control = store.submit("run", tiny_spec(settings={"iterations": 6000}), cache_key="whole")
        wait(lambda: store.job(control).state == "done", 180)
        assert store.job(control).result["metrics"] == job.result["metrics"]
    finally:
        dispatcher.stop()
        _stop_all(store)


@pytest.mark.slow
def test_a_run_outlives_its_server_and_the_next_one_finds_it(store):
    code = (
        "import time; from gi_core.jobs.store import Store; from gi_core.jobs.dispatcher import Dispatcher;"
        "Dispatcher(Store()).ensure(); time.sleep(600)"
    )
    servers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    try:
        run = store.submit("run", tiny_spec(settings={"iterations": 100_000}))
        wait(lambda: store.job(run).progress.get("iteration"), 90)
        assert len(Processes(store.database).all("worker", "interactive")) == 1
        for server in servers:
            server.kill()
            server.wait()
        life = Processes(store.database).all("worker", "interactive")[0].id
        before = store.job(run).progress["iteration"]
        servers.append(subprocess.Popen([sys.executable, "-c", code]))
        wait(lambda: len([p for p in Processes(store.database).all("server") if p.alive]) == 1)
        wait(lambda: store.job(run).progress["iteration"] > before + 50)
        assert [p.id for p in Processes(store.database).all("worker", "interactive")] == [life]
        assert store.job(run).state == "running" and not store.job(run).interrupted
        servers[-1].kill()
        servers[-1].wait()
        store.control(run, "cancel")
        wait(lambda: store.job(run).state == "cancelled", 20)
        wait(lambda: not Processes(store.database).all("worker"), 60)  # neither server nor job: it leaves
    finally:
        for server in servers:
            server.kill()
        _stop_all(store)
