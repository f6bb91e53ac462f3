"""A sweep on Dask: a local cluster of two worker processes, one of them killed, against this machine's own workers."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import time
from contextlib import suppress

import numpy as np
import pytest

from gi_core.jobs import process, sweeps
from gi_core.jobs.store import Store
from gi_core.settings import SpecError
from gi_core.settings.sweep import build_sweep
from gi_core.workers import executors
from gi_core.workers.executors import dask_engine
from tests.runs_helpers import tiny_spec

pytestmark = pytest.mark.slow
LONG = 300.0


def twelve(iterations: int = 120):
    attacks = {
        "name": "attack",
        "path": "attack",
        "values": [
            {"kind": "inverting_gradients", "iterations": iterations},
            {"kind": "levenberg_marquardt", "iterations": 6, "krylov": 20, "restarts": 1},
        ],
    }
    seeds = {"name": "seed", "path": "seed", "values": list(range(6))}
    training = {"data": "faces", "clients": 2, "pictures": 5, "rounds": 2, "seeds": [0]}
    return build_sweep({"name": "Twelve", "base": tiny_spec(), "axes": [seeds, attacks], "utility": training})


def follow(store: Store, crew, sweep: str, during=lambda: None, until=lambda status: status.over):
    stop = time.monotonic() + LONG
    while time.monotonic() < stop:
        crew.look()
        during()
        status = sweeps.status(store, sweep)
        if until(status):
            return status
        crew.wait(0.1)
    raise AssertionError(f"not in time: {sweeps.status(store, sweep)}")


def pids(store: Store, sweep: str) -> dict[str, list[int]]:
    """Of each job, the processes that it ran in, by its log."""
    found = {}
    for entry in [*sweeps.members(store, sweep), *sweeps.utilities(store, sweep)]:
        said = [text for _, text in store.log(entry.job.id) if text.startswith("runs on ")]
        found[entry.job.id] = [int(text.rpartition(" ")[2]) for text in said]
    return found


def answers(store: Store, sweep: str) -> list[dict]:
    """What each experiment found."""
    found = []
    for entry in sweeps.members(store, sweep):
        arrays = np.load(store.path(entry.job.id) / "reconstruction.npz")
        found.append(
            {"images": arrays["images"], "metrics": entry.job.result["metrics"], "plan": entry.job.result["plan"]}
        )
    return found


def kernels(answer: dict) -> dict:
    """What of a plan decides the numbers: not who measured it, nor how long an evaluation took."""
    return {name: value for name, value in answer["plan"].items() if name not in ("seconds", "source")}


@pytest.fixture
def store(gi_home, monkeypatch) -> Store:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Store()


def test_a_worker_is_killed_and_nothing_is_lost(store, tmp_path):
    sweep, killed = sweeps.start(store, twelve()), []

    def kill_once():
        running = [e.job.id for e in sweeps.members(store, sweep) if e.state == "running"]
        busy = [(job, ran[-1]) for job, ran in pids(store, sweep).items() if job in running and ran]
        if not killed and busy and sweeps.status(store, sweep).counts.get("done", 0) >= 2:
            job, pid = busy[0]
            assert pid != os.getpid()
            os.kill(pid, signal.SIGKILL)
            killed.append((job, pid))

    with executors.chosen("dask", store, sweep, 2) as crew:
        status = follow(store, crew, sweep, kill_once)
    assert killed and status.counts == {"done": 12}
    jobs = [entry.job for entry in sweeps.members(store, sweep)]
    again = {job.id for job in jobs if job.attempts > 1}
    assert again == {killed[0][0]} and all(job.attempts <= 2 for job in jobs), "only the one that died was done again"
    ran = pids(store, sweep)
    assert len(ran[killed[0][0]]) == 2 and ran[killed[0][0]][0] == killed[0][1]
    assert not any(process.started(pid) for some in ran.values() for pid in some), "the cluster ends with the sweep"

    other = Store(tmp_path / "local")
    (other.home / "plans.json").write_bytes((store.home / "plans.json").read_bytes())
    same = sweeps.start(other, twelve())
    with executors.chosen("local", other, same, 2) as crew:
        assert follow(other, crew, same).counts == {"done": 12}
    pairs = list(zip(answers(store, sweep), answers(other, same), strict=True))
    alike = [(far, near) for far, near in pairs if kernels(far) == kernels(near)]
    assert len(alike) >= 6, "each far worker measures a plan of its own, and seldom another one"
    for far, near in alike:
        np.testing.assert_array_equal(far["images"], near["images"])
        assert far["metrics"] == near["metrics"]
    (far,), (near,) = sweeps.utilities(store, sweep), sweeps.utilities(other, same)
    assert far.job.result["curve"] == near.job.result["curve"] and far.job.id in ran


def test_pause_puts_down_at_a_checkpoint_and_local_workers_go_on(store):
    sweep = sweeps.start(store, twelve(iterations=1500))
    with executors.chosen("dask", store, sweep, 2) as crew:
        far = lambda: any(e.job.progress.get("iteration", 0) > 50 for e in sweeps.members(store, sweep))  # noqa: E731
        follow(store, crew, sweep, until=lambda status: far())
        store.control(sweep, "pause")
        follow(store, crew, sweep, until=lambda status: status.state == "paused")
    kept = [e.job.id for e in sweeps.members(store, sweep) if (store.path(e.job.id) / "checkpoint.pt").is_file()]
    assert kept
    store.control(sweep, "resume")
    with executors.chosen("local", store, sweep, 2) as crew:
        ended = lambda: store.job(kept[0]).over  # noqa: E731
        follow(store, crew, sweep, until=lambda status: ended())
        store.control(sweep, "cancel")
        follow(store, crew, sweep)
    assert any("resumed from the checkpoint" in text for _, text in store.log(kept[0]))


def test_a_cluster_of_ours_is_closed_to_others(store):
    """Certificates of its own on 127.0.0.1: who comes without one is sent away before Dask reads a word of it."""
    sweep = sweeps.start(store, twelve())
    with executors.chosen("dask", store, sweep, 1) as crew:
        address = crew.engine._client.scheduler.address
        scheme, _, place = address.partition("://")
        host, _, port = place.rpartition(":")
        assert (scheme, host) == ("tls", "127.0.0.1")
        nameless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        nameless.check_hostname, nameless.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((host, int(port)), timeout=LONG) as plain:
            with pytest.raises(ssl.SSLError, match="certificate required"), nameless.wrap_socket(plain) as stranger:
                stranger.recv(1)
        with socket.create_connection((host, int(port)), timeout=LONG) as open_words:
            open_words.sendall(bytes(64))  # no handshake of TLS
            with suppress(ConnectionResetError):
                answer = b"".join(iter(lambda: open_words.recv(1024), b""))
                assert len(answer) <= 16, "an alert of TLS at most"


def test_dask_cannot_start_a_thread(store, monkeypatch):
    """Its own loop gives up after ten seconds, with an assertion: a machine may be that busy."""
    import distributed

    def stuck(*_args, **_more):
        raise AssertionError

    monkeypatch.setattr(distributed, "Client", stuck)
    sweep = sweeps.start(store, twelve())
    for choice, workers in (("dask", 1), ("dask:tcp://127.0.0.1:9", None)):
        with pytest.raises(SpecError, match="Dask did not start .* try again"):
            executors.chosen(choice, store, sweep, workers)


def test_no_scheduler_answers(store, monkeypatch):
    monkeypatch.setattr(dask_engine, "CONNECT_SECONDS", 2)
    sweep = sweeps.start(store, twelve())
    with pytest.raises(SpecError, match="no scheduler of Dask's answers at tcp://127.0.0.1:9"):
        executors.chosen("dask:tcp://127.0.0.1:9", store, sweep)
