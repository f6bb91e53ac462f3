"""Forty kills of workers and servers, at moments drawn from a seed: nothing is lost, doubled or falsely done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
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
from gi_core.settings.federation import build_federation
from gi_core.settings.sweep import build_sweep
from gi_core.workers import duties
from tests.runs_helpers import tiny_spec, wait

pytestmark = pytest.mark.slow
torch.set_num_threads(1)
KILLS, SERVER_SHARE, LONGEST_PAUSE = 40, 0.25, 4.0
SERVER = (
    "import time; from gi_core.jobs.store import Store; from gi_core.jobs.dispatcher import Dispatcher;"
    "Dispatcher(Store(), workers=2).ensure(); time.sleep(3600)"
)
RUN = tiny_spec(settings={"iterations": 3000})
SWEEP = build_sweep({
    "name": "Killed",
    "base": {"size": 12, "channels": 1, "model": "lenet:width=6,classes=4", "device": "cpu",
             "attack": "levenberg_marquardt:iterations=6,krylov=20,restarts=1"},
    "axes": [
        {"name": "Noise", "path": "defenses", "values": [[], ["gaussian_noise:std=1e-3"]]},
        {"name": "Seed", "path": "seed", "values": list(range(8))},
    ],
})  # fmt: skip
FEDERATION = build_federation({
    "clients": 3, "pictures": [12, 12, 1], "size": 12, "rounds": 6, "device": "cpu",
    "model": {"kind": "lenet", "activation": "tanh", "width": 4}, "client": {"learning_rate": 0.1, "batch_size": 4},
    "attack": {"kind": "inverting_gradients", "iterations": 20},
})  # fmt: skip
TIMES = ("run_id", "seconds", "out", "spent", "seconds_per_iteration", "iterations_per_second")


def _same(value):
    """A document without what differs from one time to the next."""
    if isinstance(value, dict):
        return {k: _same(v) for k, v in value.items() if k not in TIMES and k != "plan"}
    return [_same(v) for v in value] if isinstance(value, list) else value


def _ask(store: Store) -> tuple[str, str, str]:
    federation = store.submit("federation", FEDERATION.model_dump(mode="json"), lane="batch")
    return store.submit("run", RUN), sweeps.start(store, SWEEP), federation


def _found(store: Store, asked: tuple[str, str, str]) -> list:
    run, sweep, federation = asked
    return [
        _same(store.job(run).result["metrics"]), [p.iteration for p in store.curve(run)],
        [_same(row) for row in table.records(store, sweep)], _same(store.job(federation).result["rounds"]),
    ]  # fmt: skip


def _undisturbed(home: Path) -> list:
    store, questions = Store(home), Questions()
    asked = _ask(store)
    writer = Writer(store, Processes(store.database).register("worker", "batch"))
    for lane in ("interactive", "batch"):
        while (job := writer.claim(lane)) is not None:
            duties.do(job, writer, Free(), questions)
    return _found(store, asked)


class _Killer:
    """Servers and their workers, ended by SIGKILL."""

    def __init__(self, store: Store) -> None:
        self.store, self.draws = store, random.Random(12)
        self.servers: list[subprocess.Popen] = []
        self.ended: list[str] = []
        self.serve()

    def serve(self) -> None:
        self.servers.append(subprocess.Popen([sys.executable, "-c", SERVER]))

    def workers(self) -> list[Process]:
        return [p for p in Processes(self.store.database).all("worker") if p.alive]

    def once(self) -> None:
        time.sleep(self.draws.uniform(0.2, LONGEST_PAUSE))
        if self.draws.random() < SERVER_SHARE:
            self.servers[-1].kill()
            self.servers[-1].wait()
            self.serve()
            self.ended.append("server")
            return
        found = wait(self.workers, 60)
        one = self.draws.choice(found)
        os.kill(one.pid, signal.SIGKILL)
        self.ended.append(one.note if one.note in ("starting", "idle") else "working")

    def close(self) -> None:
        for server in self.servers:
            server.kill()
            server.wait()
        for one in self.workers():
            os.kill(one.pid, signal.SIGKILL)


def test_forty_kills_change_nothing_that_comes_out(gi_home, tmp_path):
    expected = _undisturbed(tmp_path / "undisturbed")
    store = Store()
    asked, killer, ends = _ask(store), _Killer(store), {}
    children = [entry.job.id for entry in sweeps.members(store, asked[1])]
    try:
        for _ in range(KILLS):
            killer.once()
            for number in (*asked, *children):
                job = store.job(number)
                assert job.state not in ("failed", "cancelled", "incomplete"), (job.kind, job.error, killer.ended)
                if job.state == "done" and job.kind != "sweep":
                    assert job.result["status"] == "done"
                    assert ends.setdefault(number, (job.finished, job.attempts)) == (job.finished, job.attempts)
        wait(lambda: all(store.job(number).over for number in asked), 400)
        assert [store.job(number).state for number in asked] == ["done"] * 3, killer.ended
        assert sweeps.status(store, asked[1]).counts == {"done": 16} and len(set(children)) == 16
        assert len(store.jobs(kinds=None, children=True, limit=1000)) == 3 + 16, "nothing is asked twice"
        assert all((store.job(n).finished, store.job(n).attempts) == end for n, end in ends.items())
        assert {"starting", "working", "server"} <= set(killer.ended) and len(killer.ended) == KILLS
        found = _found(store, asked)
        for name, a, b in zip(("metrics", "curve", "sweep", "federation"), found, expected, strict=True):
            assert a == b, name
        assert len(store.job(asked[2]).result["rounds"]) == 6
    finally:
        killer.close()
