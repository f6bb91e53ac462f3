"""Jobs of a sweep given to an engine, which does them in this very process or loses them on purpose, and taken back."""

from __future__ import annotations

import json
import os
import socket

import numpy as np
import pytest

from gi_core.jobs import sweeps
from gi_core.jobs.processes import Processes
from gi_core.jobs.recovery import MOST_DEATHS, reclaim
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError
from gi_core.workers.executors import afar, remote
from gi_core.workers.executors.base import BEGAN, DROP, Event, Outcome
from gi_core.workers.executors.coordinator import ROLE, Coordinator
from tests.executors_helpers import asked, jobs, parcel_of


class Here:
    """An engine of one place. begin(job): it starts and tells so. finish(job): it runs to its end, in this process."""

    def __init__(self, places: int = 1) -> None:
        self.places = places
        self.orders: dict[str, tuple[str, bytes | None]] = {}
        self.sent: list[str] = []
        self.reported: list[str] = []
        self.back: list[Outcome] = []
        self.asked: list[tuple[str, str]] = []
        self.gone = self.closed = False
        self.idle = True

    def slots(self) -> int:
        if self.gone:
            raise SpecError("the scheduler is gone")
        return self.places

    def submit(self, job_id: str, order: str, checkpoint: bytes | None) -> None:
        self.orders[job_id] = (order, checkpoint)
        self.sent.append(job_id)

    def cancel(self, job_id: str, how: str = "cancel") -> None:
        self.asked.append((job_id, how))
        if how == DROP:
            self.orders.pop(job_id, None)

    def begin(self, job_id: str, token: str = "a" * 12) -> None:
        self.reported.append(Event(job_id, token, 1, BEGAN, ["there", 7, "there:7"]).encode())

    def finish(self, job_id: str, tell=None) -> None:
        order, checkpoint = self.orders.pop(job_id)
        self.back.append(Outcome(job_id, remote.perform(order, checkpoint, tell or self.reported.append, lambda: True)))

    def events(self):
        lines, self.reported = self.reported, []
        return iter([event for event in map(Event.decode, lines) if event])

    def reap(self):
        for job_id in () if self.idle else list(self.orders):
            self.finish(job_id)
        found, self.back = self.back, []
        return found

    def wait(self, seconds: float) -> None:
        for job_id in list(self.orders):  # what was asked to leave does so
            if (job_id, "leave") in self.asked:
                self.finish(job_id, asking(job_id, "leave"))

    def close(self) -> None:
        self.closed = True


def asking(job_id: str, how: str):
    """Listens to a job, and asks it something as soon as it has iterated."""
    return lambda text: remote.ask(job_id, how) if '"per_second"' in text else None


@pytest.fixture
def store(gi_home, monkeypatch) -> Store:
    monkeypatch.setattr(afar, "TELL_SECONDS", 0.0)
    return Store()


def test_a_sweep_comes_back_whole(store):
    sweep, engine = asked(store, 3), Here(places=2)
    engine.idle = False
    with Coordinator(store, engine, sweep) as crew:
        while not sweeps.status(store, sweep).over:
            crew.look()
    assert engine.closed and len(engine.sent) == len(set(engine.sent)) == 3
    assert sweeps.status(store, sweep).counts == {"done": 3}
    for job in jobs(store, sweep):
        folder = store.path(job.id)
        assert job.attempts == 1 and job.result["out"] == str(folder)
        assert json.loads((folder / "result.json").read_text())["out"] == str(folder)
        assert (folder / "reconstruction.png").is_file() and store.originals(job.id) is not None
        assert [p.iteration for p in store.curve(job.id)] == list(range(1, 13))
        assert store.snapshots(job.id)[-1] == 12
        said = [text for _, text in store.log(job.id)]
        assert said[0].startswith(f"runs on {socket.gethostname()}, process {os.getpid()}")
        assert len(said) == len(set(said)), "reported live and brought back, but written once"
    assert Processes(store.database).all(ROLE) == []


def test_two_coordinators_share_a_sweep_and_do_nothing_twice(store):
    sweep, one, other = asked(store, 4), Here(), Here()
    one.idle = other.idle = False
    with Coordinator(store, one, sweep) as first, Coordinator(store, other, sweep) as second:
        while not sweeps.status(store, sweep).over:
            first.look()
            second.look()
    assert sorted(one.sent + other.sent) == sorted(job.id for job in jobs(store, sweep))
    assert one.sent and other.sent


def test_a_lost_worker_is_noticed_and_its_job_starts_anew(store):
    sweep, engine = asked(store), Here()
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        (job_id,) = engine.sent
        engine.begin(job_id, "a" * 12)
        point = {"iteration": 40, "seconds": 1.0, "rate": 1.0, "losses": {}, "trial_losses": [], "best": 0}
        engine.reported.append(Event(job_id, "a" * 12, 2, "record", [{"iteration": 40}, [point]]).encode())
        crew.look()
        assert store.job(job_id).progress == {"iteration": 40} and len(store.curve(job_id)) == 1
        engine.begin(job_id, "b" * 12)
        engine.reported.append(
            Event(job_id, "a" * 12, 3, "record", [{"iteration": 41}, []]).encode()
        )  # of the lost one
        crew.look()
        job = store.job(job_id)
        assert job.attempts == 2 and job.interrupted and job.progress == {} and store.curve(job_id) == []
        assert job.notices == ["its worker was lost; it starts again"]
        engine.finish(job_id)
        crew.look()
    assert store.job(job_id).state == "done"
    assert [p.iteration for p in store.curve(job_id)] == list(range(1, 13))


def test_a_job_that_kills_its_workers_is_given_up(store):
    sweep, engine = asked(store), Here()
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        (job_id,) = engine.sent
        for start in range(MOST_DEATHS):
            engine.begin(job_id, f"{start:012d}")
        crew.look()
        assert store.job(job_id).state == "running"
        engine.begin(job_id, "f" * 12)
        crew.look()
    job = store.job(job_id)
    assert job.state == "failed" and job.error.startswith(f"its worker died {MOST_DEATHS} times")
    assert (job_id, DROP) in engine.asked


def test_cancel_and_pause_reach_a_job_far_away(store):
    sweep, engine = asked(store, 2, iterations=400), Here(places=2)
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        begun, waiting = engine.sent
        engine.begin(begun)
        crew.look()
        store.control(sweep, "pause")
        crew.look()
        assert (begun, "pause") in engine.asked
        assert store.job(waiting).state == "paused", "it had not begun, so nobody needs to be asked"
        engine.finish(begun, asking(begun, "pause"))
        crew.look()
        assert store.job(begun).state == "paused" and sweeps.status(store, sweep).state == "paused"
        assert (store.path(begun) / "checkpoint.pt").is_file()
        store.control(sweep, "resume")
        crew.look()
        assert {job for job, (_, kept) in engine.orders.items() if kept} == {begun}, "its checkpoint travels with it"
        engine.begin(begun)
        engine.begin(waiting)
        crew.look()
        store.control(sweep, "cancel")
        crew.look()
        assert {(begun, "cancel"), (waiting, "cancel")} <= set(engine.asked)
        for job_id in (begun, waiting):
            engine.finish(job_id, asking(job_id, "cancel"))
        crew.look()
    job = store.job(begun)
    assert job.state == "cancelled" and 0 < job.result["iterations"] < 400


def test_who_leaves_puts_down_what_runs_and_the_next_goes_on(store):
    sweep, engine = asked(store, 1, iterations=200), Here()
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        (job_id,) = engine.sent
        engine.begin(job_id)
        crew.look()
    job = store.job(job_id)
    assert job.state == "queued" and job.attempts == 0
    assert (store.path(job_id) / "checkpoint.pt").is_file()
    another = Here()
    another.idle = False
    with Coordinator(store, another, sweep) as crew:
        while not sweeps.status(store, sweep).over:
            crew.look()
    kept = np.load(store.path(job_id) / "reconstruction.npz")["images"]
    assert any("resumed from the checkpoint" in text for _, text in store.log(job_id))
    whole = json.loads(parcel_of(remote.order(job))["told"])["ending"][2]
    assert store.job(job_id).result["metrics"] == pytest.approx(whole["metrics"]) and kept.shape == (1, 1, 8, 8)


def test_an_engine_that_is_gone_loses_nothing(store):
    sweep, engine = asked(store), Here()
    with pytest.raises(SpecError, match="gone"), Coordinator(store, engine, sweep) as crew:
        crew.look()
        engine.gone = True
        crew.look()
    (job,) = jobs(store, sweep)
    assert job.state == "queued" and job.attempts == 0 and engine.closed


def test_a_coordinator_that_was_killed_gives_its_jobs_back(store):
    sweep = asked(store)
    life = Processes(store.database).register(ROLE, of=(2**22 + 1, "0"))
    (job,) = jobs(store, sweep)
    assert Writer(store, life).take(job.id)
    reclaim(store.database, store.runs)
    (job,) = jobs(store, sweep)
    assert job.state == "queued" and job.interrupted and Processes(store.database).all(ROLE) == []


def test_what_comes_back_for_a_job_that_was_deleted_is_dropped(store):
    sweep, engine = asked(store, 2), Here(places=2)
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        gone, stays = engine.sent
        store.database.write("DELETE FROM jobs WHERE id = ?", (gone,))
        engine.finish(gone)
        engine.finish(stays)
        crew.look()
    assert store.job(gone) is None and store.job(stays).state == "done"


def test_what_comes_back_broken_fails_the_job_with_a_reason(store):
    sweep, engine = asked(store, 2), Here(places=2)
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        one, other = engine.sent
        engine.back = [Outcome(one, b"no parcel"), Outcome(other, lost="the engine gave it up: why")]
        crew.look()
    assert store.job(one).error.startswith("what came back is no result")
    assert (store.job(other).state, store.job(other).error) == ("failed", "the engine gave it up: why")
