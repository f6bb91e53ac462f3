"""A worker does each kind of job, and ends each with a result or one sentence."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from gi_core.workers import duties
from tests.runs_helpers import tiny_spec, wait
from tests.workers.steps import do_next, in_thread


def test_a_worker_runs_a_job_to_its_end(store, worker):
    store.submit("run", tiny_spec())
    job = do_next(worker)
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
        job = do_next(worker)
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
    job = do_next(worker)
    assert job.state == "failed" and job.error.startswith("the disk is full: delete runs")
    assert store.snapshots(job.id) and not list(store.path(job.id).rglob("*.tmp"))


def test_an_unexpected_error_is_a_sentence_and_the_rest_is_in_the_log(store, worker, monkeypatch):
    monkeypatch.setattr("gi_core.experiments.judging.metrics.evaluate", lambda *a, **k: 1 / 0)
    store.submit("run", tiny_spec())
    job = do_next(worker)
    assert job.state == "failed" and "ZeroDivisionError" in job.error
    assert "Traceback" in store.log(job.id)[-1][1]


def test_preview_says_what_it_will_take(store, worker):
    job_id = store.submit("preview", tiny_spec(settings={"iterations": 4800}), cache_key="k")
    answer = do_next(worker).result
    assert answer["problems"] == [] and answer["gradient_norm"] > 0
    assert answer["input_shape"] == [1, 8, 8] and answer["classes"] == 4 and answer["labels_true"] == [0]
    assert answer["iterations_estimate"] == 4800
    assert answer["seconds_estimate"] == pytest.approx(4800 * answer["seconds_per_iteration"])
    assert os.path.getsize(answer["original_png_path"]) and store.submit("preview", {}, cache_key="k") == job_id


def test_preview_of_a_question_that_cannot_be_asked(store, worker, monkeypatch):
    store.submit("preview", tiny_spec(attack="idlg", samples=["bundled/faces:1", "bundled/faces:2"]), cache_key="k")
    job = do_next(worker)
    assert job.result["problems"][0]["fatal"] and job.result["seconds_estimate"] is None
    assert job.result["input_shape"] and job.cache_key is None
    monkeypatch.setattr("gi_core.clients.Update.norm", lambda self: 1e-20)
    store.submit("preview", tiny_spec(seed=77))
    assert "almost zero" in do_next(worker).result["problems"][0]["reason"]
    store.submit("preview", tiny_spec(samples=["bundled/nobody"]))
    assert "nobody" in do_next(worker).result["problems"][0]["reason"]


def test_a_network_is_trained_as_a_job_and_a_preview_does_not_wait_for_it(store, worker):
    trained = {
        "size": 16, "model": {"kind": "lenet", "activation": "gelu", "width": 4},
        "weights": {"kind": "trained", "epochs": 200, "batch_size": 16},
    }  # fmt: skip
    store.submit("preview", tiny_spec(**trained), cache_key="k")
    job = do_next(worker)
    assert "trained first" in job.result["notices"][-1], job.result
    assert job.result["gradient_norm"] is None and job.cache_key is None
    trained["weights"]["epochs"] = 1
    store.submit("train", tiny_spec(**trained))
    job = do_next(worker)
    assert job.state == "done" and 0 <= job.result["accuracy"] <= 1
    store.submit("preview", tiny_spec(**trained))
    assert do_next(worker).result["accuracy"] == job.result["accuracy"]


def test_pause_and_cancel_reach_a_training(store, worker):
    weights = {"kind": "trained", "epochs": 200, "batch_size": 16}
    run = store.submit("run", tiny_spec(size=16, model={"kind": "lenet", "width": 4}, weights=weights))
    for action, state in (("pause", "paused"), ("cancel", "cancelled")):
        store.control(run, "resume")
        thread = in_thread(worker, worker.writer.claim("interactive"))
        wait(lambda: "training" in store.job(run).progress.get("stage", ""))
        store.control(run, action)
        thread.join(60)
        assert store.job(run).state == state and store.job(run).result is None


def test_thumbnails_are_files(store, worker):
    store.submit("thumbnails", {"samples": ["bundled/faces:3", "bundled/nobody"], "size": 16})
    result = do_next(worker).result
    assert os.path.getsize(result["files"]["bundled/faces:3"]) and "bundled/nobody" in result["missing"]


def test_every_kind_of_job_can_be_done():
    from gi_core.jobs.job import FOLLOWS, KINDS

    assert set(duties._KINDS) == set(KINDS) - {FOLLOWS}
