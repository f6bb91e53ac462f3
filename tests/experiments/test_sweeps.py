"""Sweeps in the store: asked, shared, controlled, counted, forgotten. Jobs are ended by hand; no worker runs."""

from __future__ import annotations

import sqlite3

import pytest

from gi_core.jobs import queue, quota, recovery, schema, sweeps
from gi_core.jobs.processes import Processes
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError, build
from gi_core.settings.sweep import Sweep, build_sweep
from tests.runs_helpers import tiny, tiny_spec


@pytest.fixture
def store(gi_home) -> Store:
    return Store()


@pytest.fixture
def writer(store) -> Writer:
    return Writer(store, Processes(store.database).register("worker", "batch"))


def asked(seeds=(0, 1, 2), **more) -> Sweep:
    """A tiny run for each seed."""
    axes = [{"name": "Seed", "path": "seed", "values": list(seeds)}, *more.pop("axes", ())]
    return build_sweep({"name": "Seeds", "base": tiny("dlg").model_dump(mode="json"), "axes": axes, **more})


def end(writer: Writer, state: str = "done", result: dict | None = None, error: str | None = None) -> str:
    job = writer.claim("batch")
    writer.finish(job.id, state, result or {"metrics": {"psnr": 20.0}} if state == "done" else None, error)
    return job.id


def test_a_sweep_is_a_job_that_ends_with_its_last_experiment(store, writer):
    number = sweeps.start(store, asked())
    found = sweeps.status(store, number)
    assert (found.name, found.state, found.total, found.counts) == ("Seeds", "running", 3, {"queued": 3})
    assert found.fraction == 0 and found.seconds_left is None and found.utility_total == 0
    first = writer.claim("batch")
    assert first.kind == "run" and first.lane == "batch" and first.parent == number and first.spec["seed"] == 0
    assert first.title == "Seeds: Seed 0" and first.cache_key == build(first.spec).key()
    writer.record(first.id, {"iteration": 5, "iterations": 10}, [])
    assert sweeps.status(store, number).fraction == pytest.approx(0.5 / 3)
    writer.finish(first.id, "done", {})
    second = writer.claim("batch")
    assert sweeps.status(store, number).seconds_left is not None
    writer.finish(second.id, "failed", error="no")
    assert store.job(number).state == "running" and store.job(number).finished is None
    end(writer)
    found = sweeps.status(store, number)
    assert found.state == "incomplete" and found.counts == {"done": 2, "failed": 1} and found.fraction == 1
    assert found.sentence == "done with 1 failed"
    assert store.job(number).finished and sweeps.sweep_of(store, number) == asked()
    entries = sweeps.members(store, number)
    assert [e.point for e in entries] == [{"Seed": "0"}, {"Seed": "1"}, {"Seed": "2"}]
    assert [e.state for e in entries] == ["done", "failed", "done"]


def test_a_client_that_refuses_is_an_answer_and_no_failure(store, writer):
    number = sweeps.start(store, asked())
    end(writer)
    end(writer, "failed", error="the client sends nothing, as this model asks for pictures of class 0")
    end(writer, "failed", error="the machine had no memory left")
    found = sweeps.status(store, number)
    assert found.counts == {"done": 1, "kept": 1, "failed": 1}
    assert found.sentence == "done with 1 failed and 1 refused by the client"


def test_no_worker_takes_the_sweep_itself_and_nobody_submits_one(store, writer):
    sweeps.start(store, asked((0,)))
    assert writer.claim("batch").kind == "run" and writer.claim("batch") is None
    with pytest.raises(SpecError):
        store.submit("sweep", {})


def test_a_sweep_whose_experiments_all_fail_has_failed(store, writer):
    number = sweeps.start(store, asked((0, 1)))
    end(writer, "failed")
    end(writer, "failed")
    assert store.job(number).state == "failed"


def test_what_is_done_or_on_its_way_is_not_asked_again(store, writer):
    first = sweeps.start(store, asked((0, 1)))
    done = end(writer)
    second = sweeps.start(store, asked((0, 1, 2, 2)))
    entries = sweeps.members(store, second)
    assert entries[0].job.id == done and entries[1].job.id == sweeps.members(store, first)[1].job.id
    assert entries[2].job.id == entries[3].job.id, "equal experiments are one run"
    assert sweeps.status(store, second).counts == {"done": 1, "queued": 3}
    end(writer)
    assert store.job(first).state == "done" and store.job(second).state == "running"
    end(writer)
    assert store.job(second).state == "done"
    assert [j.attempts for j in store.jobs(children=True)] == [1, 1, 1]


def test_others_have_their_own(store, writer):
    sweeps.start(store, asked((0,)), owner="ann")
    end(writer)
    number = sweeps.start(store, asked((0,)), owner="ben")
    assert sweeps.status(store, number).counts == {"queued": 1}
    with pytest.raises(SpecError, match="there is no sweep"):
        sweeps.status(Store(viewer="ann"), number)


def test_an_equal_sweep_goes_on_in_place_of_a_second_one(store, writer):
    number = sweeps.start(store, asked())
    assert sweeps.start(store, asked()) == number
    end(writer)
    store.control(number, "pause")
    assert sweeps.start(store, asked()) == number and store.job(number).state == "running"
    end(writer, "failed")
    end(writer)
    assert sweeps.start(store, asked()) == number
    assert sweeps.status(store, number).counts == {"done": 2, "queued": 1}


def test_pause_reaches_all_and_resume_repeats_nothing(store, writer):
    number = sweeps.start(store, asked())
    done, held = end(writer), writer.claim("batch")
    assert store.control(number, "pause").state == "pausing" and writer.asked(held.id) == "pause"
    assert store.control(number, "pause").state == "pausing" and writer.claim("batch") is None
    writer.release(held.id)
    assert store.job(number).state == "paused" and store.job(number).asked == ""
    assert sweeps.status(store, number).counts == {"done": 1, "paused": 2}
    assert store.control(number, "resume").state == "running"
    assert {end(writer), end(writer)} == {e.job.id for e in sweeps.members(store, number)} - {done}
    assert store.job(number).state == "done" and store.job(done).attempts == 1


def test_cancel_reaches_all_and_resume_takes_them_up(store, writer):
    number = sweeps.start(store, asked())
    end(writer)
    held = writer.claim("batch")
    assert store.control(number, "cancel").asked == "cancel" and writer.asked(held.id) == "cancel"
    with pytest.raises(SpecError, match="cancel the sweep"):
        store.delete(number)
    writer.finish(held.id, "cancelled")
    job = store.job(number)
    assert job.state == "cancelled" and job.finished and job.asked == ""
    found = sweeps.status(store, number)
    assert found.counts == {"done": 1, "cancelled": 2} and found.fraction == pytest.approx(1 / 3)
    assert store.control(number, "resume").state == "running"
    assert sweeps.status(store, number).counts == {"done": 1, "queued": 2}
    with pytest.raises(SpecError, match="paused, resumed or cancelled"):
        store.control(number, "explode")


def test_a_cancel_not_yet_obeyed_is_taken_back(store, writer):
    number = sweeps.start(store, asked((0,)))
    held = writer.claim("batch")
    store.control(number, "cancel")
    store.control(number, "resume")
    assert writer.asked(held.id) == "" and store.job(number).state == "running"


def test_what_another_sweep_waits_for_goes_on(store, writer):
    first, second = sweeps.start(store, asked((0, 1))), sweeps.start(store, asked((1, 2)))
    store.control(first, "cancel")
    assert store.job(first).state == "cancelled" and store.job(second).state == "running"
    assert sweeps.status(store, first).counts == {"cancelled": 1, "missing": 1}
    assert sweeps.status(store, second).counts == {"queued": 2}
    store.control(first, "resume")
    assert sweeps.status(store, first).counts == {"queued": 2}
    assert sweeps.members(store, first)[1].job.id == sweeps.members(store, second)[0].job.id
    store.control(second, "pause")
    assert [e.state for e in sweeps.members(store, second)] == ["queued", "paused"]
    assert store.job(second).state == "pausing"


def test_deleting_a_sweep_keeps_what_others_have(store, writer):
    first = sweeps.start(store, asked((0, 1)))
    end(writer), end(writer)
    own, shared = (e.job.id for e in sweeps.members(store, first))
    second = sweeps.start(store, asked((1,)))
    person = store.submit("run", tiny_spec())
    store.delete(first)
    assert store.job(first) is None and store.job(own) is None and store.job(person)
    assert store.job(shared).parent == second and sweeps.status(store, second).counts == {"done": 1}
    with pytest.raises(SpecError, match="there is no sweep"):
        sweeps.status(store, first)
    store.pin(shared, True)
    store.delete(second)
    assert store.job(shared).parent is None and shared in [j.id for j in store.jobs()]
    assert store.database.row("SELECT count(*) FROM members")[0] == 0


def test_a_deleted_experiment_is_missing_until_the_sweep_goes_on(store, writer):
    number = sweeps.start(store, asked((0, 1)))
    store.delete(end(writer))
    assert sweeps.members(store, number)[0].state == "missing" and store.job(number).state == "running"
    store.delete(sweeps.members(store, number)[1].job.id)
    assert store.job(number).state == "cancelled", "nothing is left to wait for"
    store.control(number, "resume")
    assert sweeps.status(store, number).counts == {"queued": 2}


def test_what_cannot_be_run_is_refused_with_its_reason(store, writer):
    axis = {"name": "Labels", "path": "labels", "values": [None, [1, 2]], "labels": ["read", "two"]}
    number = sweeps.start(store, asked((0,), axes=[axis]))
    entry = sweeps.members(store, number)[1]
    assert entry.state == "refused" and entry.refused == "give one label for each picture: 1, not 2" and not entry.job
    assert sweeps.status(store, number).counts == {"queued": 1, "refused": 1}
    end(writer)
    assert store.job(number).state == "done"
    with pytest.raises(SpecError, match="no experiment of the sweep can be run: give one label"):
        sweeps.start(store, asked((0,), axes=[axis | {"values": [[1, 2]], "labels": ["two"]}]))
    with pytest.raises(SpecError, match="no experiment of the sweep can be run: not here"):
        sweeps.start(store, asked((3,)), look=lambda experiment: "not here")
    assert len(store.jobs(kinds=("sweep",))) == 1


def test_a_training_is_asked_once_however_many_attacks_share_it(store, writer):
    noise = {"name": "Defense", "path": "defenses", "values": [[], ["gaussian_noise:std=0.1"]]}
    training = {"rounds": 1, "clients": 2, "pictures": 4, "seeds": [0, 1]}
    number = sweeps.start(store, asked((0, 1), axes=[noise], utility=training))
    found = sweeps.utilities(store, number)
    assert [(u.positions, u.seed) for u in found] == [((0, 2), 0), ((0, 2), 1), ((1, 3), 0), ((1, 3), 1)]
    assert found[0].job.spec["attack"] is None and found[2].job.spec["defenses"][0]["std"] == 0.1
    status = sweeps.status(store, number)
    assert status.total == 4 and status.utility_total == 4 and status.utility_counts == {"queued": 4}
    kinds = [writer.claim("batch").kind for _ in range(4)]
    assert kinds == ["run", "utility", "utility", "run"], "a point is whole before the next is begun"
    store.control(number, "cancel")
    for entry in [*found, *sweeps.members(store, number)]:
        job = store.job(entry.job.id)
        if job.active:
            writer.finish(job.id, "cancelled")
    assert store.job(number).state == "cancelled"


def test_sweeps_do_not_fill_the_queue_but_are_few(store, monkeypatch):
    monkeypatch.setattr(queue, "MOST_QUEUED", 3)
    first = sweeps.start(store, asked(range(50)))
    store.submit("federation", {}, lane="batch")
    assert [j.kind for j in store.jobs(kinds=None)] == ["federation", "sweep"], "its runs do not drown a person's"
    assert len(store.jobs(parent=first, limit=100)) == 50 and len(store.jobs(children=True, limit=100)) == 50
    for i in range(1, sweeps.MOST_UNFINISHED):
        sweeps.start(store, asked((i,), name=f"Sweep {i}"))
    with pytest.raises(SpecError, match="5 sweeps are unfinished"):
        sweeps.start(store, asked((9,), name="One more"))
    sweeps.start(store, asked((9,), name="One more"), owner="ann")
    store.control(first, "cancel")
    sweeps.start(store, asked((9,), name="One more"))


def test_what_a_person_asks_of_the_batch_lane_comes_before_a_sweep(store, writer):
    sweeps.start(store, asked())
    store.submit("federation", {}, lane="batch")
    assert writer.claim("batch").kind == "federation"


def test_a_person_s_run_is_not_cancelled_with_a_sweep_that_shares_it(store):
    spec = sweeps.questions(asked((0,)))[0].spec
    run = store.submit("run", spec, cache_key=sweeps.questions(asked((0,)))[0].key)
    number = sweeps.start(store, asked((0, 1)))
    assert sweeps.members(store, number)[0].job.id == run
    store.control(number, "cancel")
    assert store.job(run).state == "queued" and store.job(number).state == "cancelled"


def test_room_is_not_made_by_what_an_unfinished_or_pinned_sweep_needs(store, writer, monkeypatch):
    number = sweeps.start(store, asked((0, 1)))
    done = end(writer)
    monkeypatch.setattr(quota, "QUOTA_BYTES", 1)
    quota.prune(store.database, store.runs)
    assert store.job(done)
    end(writer)
    store.pin(number, True)
    quota.prune(store.database, store.runs)
    assert store.job(done)
    store.pin(number, False)
    quota.prune(store.database, store.runs)
    assert store.job(done) is None and store.job(number).state == "done"
    assert sweeps.status(store, number).counts == {"missing": 2}


def test_the_dead_give_their_experiment_back_and_leave_the_sweep_alone(store, writer):
    number = sweeps.start(store, asked((0,)))
    held = writer.claim("batch")
    assert recovery.forgotten(store.database, []) == [writer.worker]
    recovery.recover(store.database, store.runs, writer.worker)
    assert store.job(held.id).state == "queued" and store.job(number).state == "running"
    assert recovery.forgotten(store.database, []) == []
    store.control(number, "pause")
    assert store.job(number).state == "paused"


def test_an_older_store_learns_of_sweeps(gi_home, monkeypatch):
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:3])
    gi_home.mkdir(exist_ok=True)
    before, gone = "a" * 12, sqlite3.connect(gi_home / "store.sqlite", isolation_level=None)
    schema.migrate(gone)
    gone.execute("INSERT INTO jobs (id, kind, spec, created) VALUES (?, 'run', '{}', 1)", (before,))
    gone.close()
    monkeypatch.undo()
    monkeypatch.setenv("GI_HOME", str(gi_home))
    store = Store()
    assert store.job(before).state == "queued" and sweeps.status(store, sweeps.start(store, asked((0,)))).total == 1
    with sqlite3.connect(store.database.file) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(schema.MIGRATIONS)
