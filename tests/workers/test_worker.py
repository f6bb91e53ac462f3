"""Workers and the dispatcher: previews between iterations, yielding, death, restart."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from gi_core.common.memory_limit import memory_limit
from gi_core.experiments.setup import Questions
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.workers import duties
from gi_core.workers.between import YIELD_SHARE, Between
from gi_core.workers.worker import Worker
from tests.runs_helpers import tiny_spec, wait


@pytest.fixture
def store(gi_home) -> Store:
    return Store()


@pytest.fixture
def worker(store) -> Worker:
    made = Worker(store, "interactive")
    made.questions = Questions()
    return made


def _do_next(worker: Worker):
    job = worker.writer.claim(worker.lane)
    worker.do(job)
    return worker.store.job(job.id)


def test_a_worker_runs_a_job_to_its_end(store, worker):
    store.submit("run", tiny_spec())
    job = _do_next(worker)
    assert job.state == "done" and job.result["run_id"] == job.id and job.result["metrics"]["psnr"]
    assert [p.iteration for p in store.curve(job.id)] == list(range(1, 13))
    assert store.snapshots(job.id)[0] == 0 and store.snapshots(job.id)[-1] == 12
    assert store.snapshot(job.id, 12).shape == (1, 1, 8, 8, 1) and store.originals(job.id).shape == (1, 8, 8, 1)
    assert job.progress["labels"] == [[0]] and "done" in store.log(job.id)[-1][1]
    assert store.disk_used() > 0 and not (store.path(job.id) / "checkpoint.pt").exists()


def test_a_bad_question_fails_with_one_sentence(store, worker):
    for spec, word in (
        (tiny_spec(samples=["bundled/nobody"]), "nobody"),
        ({"model": {"kind": "lenett"}}, "model"),
        (tiny_spec(labels=[9]), "out of range"),
    ):
        store.submit("run", spec)
        job = _do_next(worker)
        assert job.state == "failed" and word in job.error and "\n" not in job.error


def test_a_full_disk_fails_the_run_with_one_sentence(store, worker, monkeypatch):
    store.submit("run", tiny_spec(settings={"iterations": 5000}))
    save, left = np.save, [4]

    def full(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(*arguments, **options)

    monkeypatch.setattr(np, "save", full)
    job = _do_next(worker)
    assert job.state == "failed" and job.error.startswith("the disk is full: delete runs")
    assert store.snapshots(job.id) and not list(store.path(job.id).rglob("*.tmp"))


def test_an_unexpected_error_is_a_sentence_and_the_rest_is_in_the_log(store, worker, monkeypatch):
    monkeypatch.setattr("gi_core.experiments.judging.metrics.evaluate", lambda *a, **k: 1 / 0)
    store.submit("run", tiny_spec())
    job = _do_next(worker)
    assert job.state == "failed" and "ZeroDivisionError" in job.error
    assert "Traceback" in store.log(job.id)[-1][1]


def test_preview_says_what_it_will_take(store, worker):
    job_id = store.submit("preview", tiny_spec(settings={"iterations": 4800}), cache_key="k")
    answer = _do_next(worker).result
    assert answer["problems"] == [] and answer["gradient_norm"] > 0
    assert answer["input_shape"] == [1, 8, 8] and answer["classes"] == 4 and answer["labels_true"] == [0]
    assert answer["iterations_estimate"] == 4800
    assert answer["seconds_estimate"] == pytest.approx(4800 * answer["seconds_per_iteration"])
    assert os.path.getsize(answer["original_png_path"]) and store.submit("preview", {}, cache_key="k") == job_id


def test_preview_of_a_question_that_cannot_be_asked(store, worker, monkeypatch):
    store.submit("preview", tiny_spec(attack="idlg", samples=["bundled/faces:1", "bundled/faces:2"]), cache_key="k")
    job = _do_next(worker)
    assert job.result["problems"][0]["fatal"] and job.result["seconds_estimate"] is None
    assert job.result["input_shape"] and job.cache_key is None
    monkeypatch.setattr("gi_core.client.Update.norm", lambda self: 1e-20)
    store.submit("preview", tiny_spec(seed=77))
    assert "almost zero" in _do_next(worker).result["problems"][0]["reason"]
    store.submit("preview", tiny_spec(samples=["bundled/nobody"]))
    assert "nobody" in _do_next(worker).result["problems"][0]["reason"]


def test_a_network_is_trained_as_a_job_and_a_preview_does_not_wait_for_it(store, worker):
    trained = {
        "size": 16, "model": {"kind": "lenet", "activation": "gelu", "width": 4},
        "weights": {"kind": "trained", "epochs": 200, "batch_size": 16},
    }  # fmt: skip
    store.submit("preview", tiny_spec(**trained), cache_key="k")
    job = _do_next(worker)
    assert "trained first" in job.result["notices"][-1], job.result
    assert job.result["gradient_norm"] is None and job.cache_key is None
    trained["weights"]["epochs"] = 1
    store.submit("train", tiny_spec(**trained))
    job = _do_next(worker)
    assert job.state == "done" and 0 <= job.result["accuracy"] <= 1
    store.submit("preview", tiny_spec(**trained))
    assert _do_next(worker).result["accuracy"] == job.result["accuracy"]


def test_pause_and_cancel_reach_a_training(store, worker):
    weights = {"kind": "trained", "epochs": 200, "batch_size": 16}
    run = store.submit("run", tiny_spec(size=16, model={"kind": "lenet", "width": 4}, weights=weights))
    for action, state in (("pause", "paused"), ("cancel", "cancelled")):
        store.control(run, "resume")
        thread = _in_thread(worker, worker.writer.claim("interactive"))
        wait(lambda: "training" in store.job(run).progress.get("stage", ""))
        store.control(run, action)
        thread.join(60)
        assert store.job(run).state == state and store.job(run).result is None


def test_thumbnails_are_files(store, worker):
    store.submit("thumbnails", {"samples": ["bundled/faces:3", "bundled/nobody"], "size": 16})
    result = _do_next(worker).result
    assert os.path.getsize(result["files"]["bundled/faces:3"]) and "bundled/nobody" in result["missing"]


def _in_thread(worker: Worker, job) -> threading.Thread:
    thread = threading.Thread(target=worker.do, args=(job,))
    thread.start()
    return thread


def test_previews_are_answered_between_iterations(store, worker):
    run = store.submit("run", tiny_spec(settings={"iterations": 100_000}))
    thread = _in_thread(worker, worker.writer.claim("interactive"))
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
    _do_next(worker)
    store.submit("run", tiny_spec(attack="dlg"), cache_key="again")
    job = worker.writer.claim("interactive")
    for seed in range(4):
        store.submit("preview", tiny_spec(seed=seed))
    worker.do(job)
    kept = [store.job(i).result for i in (whole, job.id)]
    assert kept[0]["trials"] == kept[1]["trials"] and kept[0]["metrics"] == kept[1]["metrics"]


def test_a_paused_run_leaves_the_lane_free_and_goes_on(store, worker):
    first = store.submit("run", tiny_spec(settings={"iterations": 600}))
    thread = _in_thread(worker, worker.writer.claim("interactive"))
    wait(lambda: (store.job(first).progress.get("iteration") or 0) > 5)
    store.control(first, "pause")
    thread.join(60)
    assert store.job(first).state == "paused" and (store.path(first) / "checkpoint.pt").exists()
    store.submit("run", tiny_spec())
    assert _do_next(worker).state == "done"
    store.control(first, "resume")
    job = _do_next(worker)
    assert job.state == "done" and job.result["iterations"] == 600
    assert any("resumed from the checkpoint" in text for _, text in store.log(first))
    assert [p.iteration for p in store.curve(first)] == list(range(1, 601))


def test_a_worker_told_to_leave_puts_its_job_back(store, worker):
    run = store.submit("run", tiny_spec(settings={"iterations": 100_000}))
    thread = _in_thread(worker, worker.writer.claim("interactive"))
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
    thread = _in_thread(worker, worker.writer.claim("batch"))
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
    thread = _in_thread(worker, worker.writer.claim("interactive"))
    wait(lambda: store.job(run).progress.get("iteration"))
    store.database.write("UPDATE jobs SET worker = 'another' WHERE id = ?", (run,))
    thread.join(60)
    assert not thread.is_alive() and store.job(run).state == "running"


def test_a_file_that_wants_too_much_memory_is_refused():
    """In a process of its own: what earlier tests left free in this one would be given out again."""
    program = """
import numpy as np
from gi_core.common.errors import SpecError
from gi_core.common.memory_limit import memory_limit
try:
    with memory_limit(2**26):
        np.ones(2**28, np.uint8)
except SpecError as error:
    assert "memory" in str(error)
    assert np.ones(2**28, np.uint8).nbytes == 2**28
else:
    raise AssertionError("it was given")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    with pytest.raises(ZeroDivisionError), memory_limit():
        _ = 1 / 0


def test_every_kind_of_job_can_be_done():
    from gi_core.jobs.job import FOLLOWS, KINDS

    assert set(duties._KINDS) == set(KINDS) - {FOLLOWS}
