"""What a worker does between two iterations: previews, pause, leaving, yielding to a person."""

from __future__ import annotations

import time

import pytest

from gi_core.experiments.setup import Questions
from gi_core.jobs.writer import Writer
from gi_core.workers.between import YIELD_SHARE, Between
from gi_core.workers.worker import Worker
from tests.runs_helpers import tiny_spec, wait
from tests.workers.steps import do_next, in_thread


def test_previews_are_answered_between_iterations(store, worker):
    run = store.submit("run", tiny_spec(settings={"iterations": 100_000}))
    thread = in_thread(worker, worker.writer.claim("interactive"))
    wait(lambda: store.job(run).progress.get("iteration"))
    preview = store.submit("preview", tiny_spec(seed=3))
    wait(lambda: store.job(preview).state == "done", 60)
    before = store.job(run).progress["iteration"]
    wait(lambda: store.job(run).progress["iteration"] > before)
    store.control(run, "cancel")
    thread.join(60)
    job = store.job(run)
    assert job.state == "cancelled" and job.result["metrics"]["psnr"] and job.result["iterations"] > before


def test_a_preview_between_iterations_changes_nothing(store, worker):
    whole = store.submit("run", tiny_spec(attack="dlg"))
    do_next(worker)
    store.submit("run", tiny_spec(attack="dlg"), cache_key="again")
    job = worker.writer.claim("interactive")
    for seed in range(4):
        store.submit("preview", tiny_spec(seed=seed))
    worker.do(job)
    kept = [store.job(i).result for i in (whole, job.id)]
    assert kept[0]["trials"] == kept[1]["trials"] and kept[0]["metrics"] == kept[1]["metrics"]


def test_a_paused_run_leaves_the_lane_free_and_goes_on(store, worker):
    first = store.submit("run", tiny_spec(settings={"iterations": 600}))
    thread = in_thread(worker, worker.writer.claim("interactive"))
    wait(lambda: (store.job(first).progress.get("iteration") or 0) > 5)
    store.control(first, "pause")
    thread.join(60)
    assert store.job(first).state == "paused" and (store.path(first) / "checkpoint.pt").exists()
    store.submit("run", tiny_spec())
    assert do_next(worker).state == "done"
    store.control(first, "resume")
    job = do_next(worker)
    assert job.state == "done" and job.result["iterations"] == 600
    assert any("resumed from the checkpoint" in text for _, text in store.log(first))
    assert [p.iteration for p in store.curve(first)] == list(range(1, 601))


def test_a_worker_told_to_leave_puts_its_job_back(store, worker):
    run = store.submit("run", tiny_spec(settings={"iterations": 100_000}))
    thread = in_thread(worker, worker.writer.claim("interactive"))
    wait(lambda: store.job(run).progress.get("iteration"))
    worker.leaving.set()
    thread.join(60)
    job = store.job(run)
    assert job.state == "queued" and job.interrupted and (store.path(run) / "checkpoint.pt").exists()


def test_the_batch_lane_yields_to_a_person(store, monkeypatch):
    """Nine times as long as it worked, by the clock, while somebody is there; not at all while nobody is."""
    worker, now = Worker(store, "batch"), [100.0]
    monkeypatch.setattr("gi_core.workers.between.time.monotonic", lambda: now[0])
    monkeypatch.setattr("gi_core.jobs.capacity.cores", lambda: 2)
    rested = []
    monkeypatch.setattr(
        worker.leaving, "wait", lambda seconds: (rested.append(seconds), now.__setitem__(0, now[0] + seconds))
    )
    control = worker.between("0" * 12)
    now[0] += 0.5
    assert control.rest(lambda: "") == "" and rested == [], "nobody is there"
    person = store.submit("run", tiny_spec())
    now[0] += 0.5
    assert control.rest(lambda: "") == "" and sum(rested) == pytest.approx(0.5 / YIELD_SHARE, abs=0.2)
    rested.clear()
    now[0] += 0.5
    assert control.rest(lambda: "cancel") == "cancel" and len(rested) == 1, "it goes on hearing what is asked"
    store.control(person, "cancel")
    rested.clear()
    now[0] += 0.5
    assert control.rest(lambda: "") == "" and rested == []


def test_a_worker_yields_only_a_core_that_the_person_needs(store, monkeypatch):
    workers = [Worker(store, "batch") for _ in range(3)]
    assert not any(worker.others_wait() for worker in workers), "nobody is there"
    store.submit("run", tiny_spec())
    for cores, yielding in ((2, 3), (3, 2), (4, 1), (8, 0)):
        monkeypatch.setattr("gi_core.jobs.capacity.cores", lambda cores=cores: cores)
        assert sum(worker.others_wait() for worker in workers) == yielding


def test_a_short_run_of_the_batch_lane_yields_too(store, monkeypatch):
    worker = Worker(store, "batch")
    worker.questions = Questions()
    monkeypatch.setattr("gi_core.workers.between.YIELD_SHARE", 1e-6)
    monkeypatch.setattr(Between, "poll", lambda self: "")  # over before it is asked
    store.submit("run", tiny_spec(settings={"iterations": 1}), lane="batch")
    person = store.submit("run", tiny_spec())
    thread = in_thread(worker, worker.writer.claim("batch"))
    job = wait(lambda: next(iter(store.jobs(states=("done",))), None))
    time.sleep(0.3)
    assert job.id != person and thread.is_alive(), "it waits for the person before it takes the next one"
    Writer(store, "x").take(person)
    store.control(person, "cancel")
    Writer(store, "x").finish(person, "cancelled")
    thread.join(60)
    assert not thread.is_alive()


def test_deleted_or_stolen_jobs_are_dropped(store, worker):
    run = store.submit("run", tiny_spec(settings={"iterations": 100_000}))
    thread = in_thread(worker, worker.writer.claim("interactive"))
    wait(lambda: store.job(run).progress.get("iteration"))
    store.database.write("UPDATE jobs SET worker = 'another' WHERE id = ?", (run,))
    thread.join(60)
    assert not thread.is_alive() and store.job(run).state == "running"
