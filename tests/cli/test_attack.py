"""`attack` in full: the JSON contract, files, failure, full disk, interruption and resumption."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gi_core.cli import main, runner
from gi_core.cli.progress import Bar, fraction_and_words
from gi_core.common.disk import DiskFull
from gi_core.jobs.processes import Processes
from gi_core.jobs.store import Store
from gi_core.types.conforming import faults
from gi_core.types.result import NoPicture, read

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[2]
SMALL = ["attack", "--sample", "bundled/faces:3", "--size", "8", "--model", "lenet:init=uniform"]
KEYS = {
    "run_id", "status", "seconds", "iterations", "seconds_per_iteration", "attack", "model", "plan",
    "metrics", "per_image", "labels", "trials", "out",
}  # fmt: skip


def run(capsys, *argv: str, code: int = 0) -> dict:
    assert main([*argv, "--json"]) == code, capsys.readouterr()
    out, err = capsys.readouterr()
    document = json.loads(out.splitlines()[-1])
    assert "NaN" not in out and "Infinity" not in out
    return document


def test_contract_of_the_json_object_and_the_files(capsys, gi_home, tmp_path):
    out = tmp_path / "out"
    got = run(
        capsys, *SMALL, "--attack", "dlg:iterations=3,trials=2", "--defense", "pruning:fraction=0.1",
        "--defense", "gaussian_noise:std=0.001", "--seed", "5", "--out", str(out),
    )  # fmt: skip
    assert set(got) >= KEYS and got["status"] == "done" and got["iterations"] == 3
    assert got["attack"]["kind"] == "dlg" and len(got["trials"]) == 2 and got["out"] == str(out)
    assert {"mse", "psnr", "ssim", "lpips", "iip_rank"} <= set(got["metrics"])
    assert got["metrics"]["lpips"] is None and "fetch lpips" in got["metrics"]["lpips_note"]
    assert set(got["labels"]) >= {"true", "recovered", "accuracy"}
    assert [e["kind"] for e in got["defenses"]] == ["pruning", "gaussian_noise"]

    asked = json.loads((out / "experiment.json").read_text())
    assert asked["seed"] == 5 and asked["samples"] == ["bundled/faces:3"]
    assert json.loads((out / "result.json").read_text())["run_id"] == got["run_id"]
    arrays = np.load(out / "reconstruction.npz")
    assert arrays["images"].shape == arrays["originals"].shape == (1, 1, 8, 8)
    assert arrays["images"].dtype == np.float32 and 0 <= arrays["images"].min() <= arrays["images"].max() <= 1
    assert Image.open(out / "original.png").size == Image.open(out / "reconstruction.png").size == (8, 8)
    rows = list(csv.DictReader((out / "history.csv").open()))
    assert [int(r["iteration"]) for r in rows] == [1, 2, 3] and float(rows[0]["total"]) > 0
    job = Store().job(got["run_id"])
    assert job.state == "done" and job.result["metrics"]["mse"] == got["metrics"]["mse"]

    again = run(capsys, "attack", "--experiment", str(out / "experiment.json"))
    assert again["metrics"]["mse"] == got["metrics"]["mse"], "same question and seed, same picture"


def test_text_for_a_person(capsys, gi_home, tmp_path):
    batch = [*SMALL, "--sample", "bundled/faces:120"]
    assert main([*batch, "--attack", "dlg:iterations=2,labels=known,trials=2"]) == 0
    text = capsys.readouterr().out
    for word in ("PSNR", "of 2 pictures", "labels", "files", "picture ", "trials by loss"):
        assert word in text
    run_id = Store().jobs()[0].id
    assert main(["runs", "list"]) == 0 and run_id in capsys.readouterr().out
    assert main(["runs", "show", run_id]) == 0 and "done after 2 iterations" in capsys.readouterr().out
    target = tmp_path / "there"
    assert main(["runs", "export", run_id, "--out", str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] == str(target)
    assert (target / "reconstruction.png").is_file() and (target / "result.json").is_file()
    assert main(["runs", "list", "--search", "nothing like it"]) == 0
    assert capsys.readouterr().out == "no runs\n"
    assert main(["runs", "show", run_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == run_id


def test_a_failure_is_stored_with_its_reason(capsys, gi_home, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the device\nwent away")

    monkeypatch.setattr(runner, "execute", broken)
    assert main([*SMALL, "--json"]) == 1
    out, err = capsys.readouterr()
    assert err == "error: RuntimeError: the device went away\n"
    document = json.loads(out)
    assert faults(document, NoPicture) == [] and read(document) is None
    job = Store().job(document["run_id"])
    assert job.result == document and job.run_result is None and job.metrics == {}
    assert job.state == "failed" and job.error == "RuntimeError: the device went away"


def test_a_full_disk_is_one_sentence(capsys, gi_home, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    short = [*SMALL, "--attack", "dlg:iterations=1,trials=1"]
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", full)
        assert main(short) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("error: the disk is full")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        assert main([*short, "--out", str(tmp_path / "o")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("error: the disk is full")
    (tmp_path / "file").write_text("")
    assert main([*short, "--out", str(tmp_path / "file" / "o")]) == 2
    assert "cannot make the folder" in capsys.readouterr().err


def test_a_disk_that_fills_up_at_the_very_end_takes_no_run_away(capsys, gi_home, monkeypatch):
    def full(*_, **__):
        raise DiskFull("the disk is full")

    def no_room(path, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Processes, "leave", full)
    monkeypatch.setattr(Path, "write_text", no_room)  # plans are kept by it
    document = run(capsys, *SMALL, "--attack", "dlg:iterations=1,trials=1")
    assert document["status"] == "done" and document["plan"]["source"] == "measured"
    assert not list(gi_home.glob("*.tmp"))


def test_interrupted_then_resumed_equals_uninterrupted(capsys, gi_home, monkeypatch):
    argv = [*SMALL, "--attack", "inverting_gradients:iterations=12", "--seed", "2"]
    whole = run(capsys, *argv)
    polls = 0

    class Impatient(runner._Stop):
        def poll(self):
            nonlocal polls
            polls += 1
            self.runner.stopping = polls > 8
            return super().poll()

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_Stop", Impatient)
        assert main([*argv, "--json"]) == 130
    out, err = capsys.readouterr()
    stopped = json.loads(out)
    assert stopped["status"] == "cancelled" and stopped["resumable"]
    assert f"attack --resume {stopped['run_id']}" in err
    assert Store().job(stopped["run_id"]).state == "paused"
    resumed = run(capsys, "attack", "--resume", stopped["run_id"])
    assert resumed["status"] == "done" and resumed["iterations"] == 12
    assert resumed["metrics"]["mse"] == pytest.approx(whole["metrics"]["mse"], rel=1e-6)
    assert main(["attack", "--resume", stopped["run_id"]]) == 2
    assert "only an interrupted run can be resumed" in capsys.readouterr().err


def test_a_quicker_worker_is_watched(capsys, gi_home, monkeypatch):
    class Quick(runner.Writer):
        def take(self, job_id):
            job = runner.Writer.claim(self, "interactive")
            self.record(job.id, {"iteration": 1, "iterations": 2, "trial_losses": [1.0], "best": 0}, [])
            self.finish(job.id, "done", {"run_id": job.id, "status": "done", "out": "", "metrics": {}})

    monkeypatch.setattr(runner, "Writer", Quick)
    assert run(capsys, *SMALL)["status"] == "done"


def test_progress_in_words():
    pace = {"per_second": 12.345, "seconds_left": 21.9, "trial_losses": [2, 1e-3], "best": 1}
    fraction, text = fraction_and_words({"iteration": 30, "iterations": 300, **pace})
    assert fraction == 0.1 and text == "30/300  12.3 it/s  at most 22 s left  loss 1.00e-03"
    assert fraction_and_words({"stage": "building the network", "fraction": 0.5}) == (0.5, "building the network")
    assert fraction_and_words({}) == (0.0, "")
    anew = {"iteration": 14, "iterations": 10, "seconds_left": 0}
    assert fraction_and_words(anew) == (1.0, "14 iterations, started anew")


def test_doctor_names_what_is_missing_and_its_remedy(capsys, gi_home):
    assert main(["doctor", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["torch"]["ok"] and not rows["LPIPS weights"]["ok"]
    assert "fetch lpips" in rows["LPIPS weights"]["remedy"]
    assert main(["doctor"]) == 0
    assert "python -m gi_core fetch mnist" in capsys.readouterr().out


def test_the_bar_is_silent_where_nobody_watches(capsys):
    bar = Bar()
    bar.show(0.5, "half", now=True)
    bar.close()
    assert capsys.readouterr().err == ""


def begun(iteration: int = 1) -> tuple[subprocess.Popen, Store, str]:
    """A command with a long run that has come to an iteration."""
    long = ["--attack", "inverting_gradients:iterations=100000", "--json"]
    argv = [sys.executable, "-m", "gi_core", *SMALL, *long]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    store, limit = Store(), time.monotonic() + 60
    while time.monotonic() < limit and child.poll() is None:
        jobs = store.jobs(states=("running",))
        if jobs and (jobs[0].progress.get("iteration") or 0) >= iteration:
            return child, store, jobs[0].id
        time.sleep(0.1)
    child.kill()
    raise AssertionError(child.communicate())


@pytest.mark.slow
def test_control_c_leaves_a_run_that_can_be_resumed(gi_home):
    child, store, run_id = begun()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130 and "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["run_id"] == run_id
    assert f"--resume {run_id}" in err and store.job(run_id).state == "paused"
    assert (store.path(run_id) / "checkpoint.pt").is_file()


@pytest.mark.slow
def test_a_killed_command_leaves_a_run_that_can_be_resumed(capsys, gi_home):
    child, store, run_id = begun()
    checkpoint, limit = store.path(run_id) / "checkpoint.pt", time.monotonic() + 60
    while not checkpoint.is_file() and time.monotonic() < limit:
        time.sleep(0.1)
    child.kill()
    child.communicate()
    assert store.job(run_id).state == "running"
    assert main(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "paused"
    assert store.control(run_id, "resume").state == "queued"
