"""One run from question to result: files, budget, control, resume."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from gi_core import attacks
from gi_core.attacks.matching.machine import GradientMatching
from gi_core.experiments import checkpoint as checkpoints
from gi_core.experiments import setup as questions
from gi_core.experiments.execute import execute
from gi_core.experiments.live_view import Pace, Recorder, to_uint8
from gi_core.jobs.sink import Free
from gi_core.settings import SpecError, read_experiment
from gi_core.settings.ceiling import percent
from tests.runs_helpers import ListSink, Script, tiny

ATTACKS = ("dlg", "idlg", "inverting_gradients", "levenberg_marquardt")


def _run(experiment, folder, control=None, checkpoint=None, **options):
    sink = ListSink(folder)
    asked = control(sink) if control else Free()
    return execute(experiment, sink=sink, control=asked, checkpoint=checkpoint, **options), sink


def test_a_run_leaves_everything_the_design_lists(gi_home, tmp_path):
    experiment = tiny()
    result, sink = _run(experiment, tmp_path / "run")
    assert result["status"] == "done" and result["iterations"] == 12 and result["metrics"]["psnr"] > 5
    left = result["attacker"]["residual"]  # the only number that is named for it
    assert 0 < left <= 1 and f"{percent(left)} of the update" in result["attacker"]["certainty"]["sentence"]
    wanted = {
        "run_id", "status", "seconds", "iterations", "seconds_per_iteration", "attack", "model", "plan",
        "metrics", "per_image", "labels", "trials", "out",
    }  # fmt: skip
    assert wanted <= set(result)
    assert json.loads((sink.folder / "result.json").read_text()).keys() >= wanted
    assert read_experiment((sink.folder / "experiment.json").read_text()) == experiment
    with np.load(sink.folder / "reconstruction.npz") as kept:
        assert kept["images"].shape == kept["originals"].shape == (1, 1, 8, 8)
        assert kept["images"].dtype == np.float32 and 0 <= kept["images"].min() <= kept["images"].max() <= 1
    for name in ("original.png", "reconstruction.png", "thumbnail.png"):
        assert Image.open(sink.folder / name).size == ((192, 96) if name == "thumbnail.png" else (8, 8))
    table = list(csv.DictReader((sink.folder / "history.csv").open()))
    assert [int(row["iteration"]) for row in table] == list(range(1, 13)) and table[0]["psnr"]
    assert [p.iteration for p in sink.points] == list(range(1, 13))
    assert min(sink.pictures) == 0 and max(sink.pictures) == 12
    assert 1 in sink.pictures and sink.pictures[1].shape == (1, 1, 8, 8, 1) and sink.truth.shape == (1, 8, 8, 1)
    last = [p for p in sink.progress if p.get("iteration")][-1]
    assert last["iteration"] == 12 and set(last["residual"]) and last["plan"] and last["labels"] == [[0]]
    assert not list(sink.folder.glob(".*"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_resumed_run_equals_the_uninterrupted_one(gi_home, tmp_path, attack):
    experiment = tiny(attack, settings={"iterations": 9})
    whole, smooth = _run(experiment, tmp_path / "whole")
    file = tmp_path / "parts" / "checkpoint.pt"
    paused, first = _run(experiment, file.parent, lambda s: Script(s, 3, "pause"), file)
    assert paused["status"] == "paused" and file.exists()
    parts, second = _run(experiment, file.parent, checkpoint=file)
    assert parts["status"] == "done" and parts["iterations"] == whole["iterations"]
    assert parts["plan"]["source"] == "checkpoint"
    unmeasured = {"seconds": None, "source": None}  # what an evaluation took is measured anew by each run
    assert {**parts["plan"], **unmeasured} == {**whole["plan"], **unmeasured}
    assert "resumed" in second.lines[0] and first.points[-1].iteration == 4
    for key in ("metrics", "labels", "trials"):
        assert parts[key] == whole[key]
    assert np.array_equal(second.pictures[whole["iterations"]], smooth.pictures[whole["iterations"]])
    assert [p.iteration for p in second.points] == list(range(1, whole["iterations"] + 1))
    table = list(csv.DictReader((file.parent / "history.csv").open()))
    assert [int(row["iteration"]) for row in table] == list(range(1, whole["iterations"] + 1))
    assert not file.exists()


def test_cancel_keeps_what_there_was_and_can_be_resumed(gi_home, tmp_path):
    experiment, file = tiny(settings={"iterations": 1000}), tmp_path / "run" / "checkpoint.pt"
    result, sink = _run(experiment, file.parent, lambda s: Script(s, 5, "cancel"), file)
    assert result["status"] == "cancelled" and 1 < result["iterations"] < 1000
    assert result["metrics"]["psnr"] and (sink.folder / "reconstruction.npz").exists() and file.exists()
    again, sink = _run(experiment, file.parent, lambda s: Script(s, 2, "leave"), file)
    assert again["status"] == "paused" and again["asked"] == "leave" and "resumed" in sink.lines[0]


def test_control_before_the_first_iteration_stops_at_once(gi_home, tmp_path):
    class Now:
        def poll(self):
            return "cancel"

    result, _ = _run(tiny(), tmp_path / "run", lambda s: Now())
    assert result["status"] == "cancelled" and result["iterations"] == 0


def test_the_budget_of_seconds_is_kept(gi_home, tmp_path):
    result, sink = _run(tiny(settings={"iterations": 100_000}, seconds=0.3), tmp_path / "run")
    assert result["status"] == "done" and 0.3 <= result["seconds"] < 1.0 and "0.3 s" in result["note"]
    assert sink.progress[-2]["seconds_left"] is not None


def test_a_run_that_ends_early_shows_its_answer(gi_home, tmp_path):
    """Not where its best trial has got to since, which may be a start anew."""
    started = []

    class Restarting(GradientMatching):
        def step(self, state):
            state, step = super().step(state)
            if step.iteration > 3:
                state["z"].uniform_(-3, 3)  # as a trial that begins again
                step = replace(step, images=self.problem.pictures(state["z"]))
                started.append(step.images)
            return state, step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attacks, "machine_of", lambda settings: Restarting)
        asked = tiny(settings={"kind": "inverting_gradients", "iterations": 100_000}, seconds=0.3)
        result, sink = _run(asked, tmp_path / "run")
    assert started and result["iterations"] > 3
    with np.load(sink.folder / "reconstruction.npz") as kept:
        answer = to_uint8(torch.from_numpy(kept["images"]))
    assert np.abs(sink.pictures[max(sink.pictures)][0].astype(int) - answer).max() <= 1
    assert sink.points[-1].psnr == pytest.approx(result["metrics"]["psnr"], abs=0.5)


def test_without_ground_truth_nothing_is_compared(gi_home, tmp_path):
    result, sink = _run(tiny(), tmp_path / "run", ground_truth=False)
    assert not any(result["metrics"].values()) and result["labels"]["true"] is None
    assert sink.truth is None and all(p.psnr is None for p in sink.points)
    assert not (sink.folder / "original.png").exists() and result["trials"][0]["psnr"] is None


def test_a_question_that_cannot_be_asked_is_refused_before_anything_runs(gi_home, tmp_path):
    with pytest.raises(SpecError, match="label strategy idlg reads one label"):
        _run(tiny("idlg", samples=["bundled/faces:3", "bundled/faces:4"]), tmp_path / "run")
    assert not (tmp_path / "run" / "experiment.json").exists()


@pytest.mark.parametrize(("norm", "word"), [(1e-15, "almost zero"), (float("nan"), "finite")])
def test_an_update_that_says_nothing_is_refused(gi_home, tmp_path, monkeypatch, norm, word):
    monkeypatch.setattr("gi_core.clients.Update.norm", lambda self: norm)
    with pytest.raises(SpecError, match=word):
        _run(tiny(), tmp_path / "run")


def test_a_planted_or_torn_or_foreign_checkpoint_is_not_used(gi_home, tmp_path):
    file = tmp_path / "run" / "checkpoint.pt"
    file.parent.mkdir()

    class Planted:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    for content in (lambda: torch.save(Planted(), file), lambda: file.write_bytes(b"PK\x03\x04 torn")):
        content()
        assert checkpoints.load(file, tiny().key(), torch.device("cpu")) is None
    result, sink = _run(tiny(), file.parent, checkpoint=file)
    assert result["iterations"] == 12 and "could not be read" in sink.notices[0]
    assert not (tmp_path / "owned").exists()
    _run(tiny(settings={"iterations": 500}), file.parent, lambda s: Script(s, 3, "pause"), file)
    assert checkpoints.load(file, tiny().key(), torch.device("cpu")) is None
    own = tiny(settings={"iterations": 500}).key()
    assert checkpoints.load(file, own, torch.device("cpu")).iteration > 1
    assert checkpoints.load(file, own, torch.device("cuda")) is None


def test_out_of_memory_is_one_sentence(gi_home, tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(attacks, "make", full)
    with pytest.raises(SpecError, match="memory of the device is full"):
        _run(tiny(), tmp_path / "run")


def test_long_histories_are_thinned_and_keep_first_and_last(gi_home, tmp_path, monkeypatch):
    monkeypatch.setattr("gi_core.experiments.live_view.MOST_NUMBERS", 0)
    result, sink = _run(tiny(settings={"iterations": 1200}), tmp_path / "run")
    kept = [p.iteration for p in sink.points]
    assert kept[0] == 1 and kept[-1] == 1200 and 250 <= len(kept) <= 520
    table = [int(row["iteration"]) for row in csv.DictReader((sink.folder / "history.csv").open())]
    assert table == kept


def test_pace_bounds_number_and_share():
    pace, now, times = Pace(), 0.0, []
    while now < 3600:
        if pace.due(now):
            pace.spent(now, 0.1)
            times.append(now)
        now += 0.05
    assert times[0] == 0 and times[1] == pytest.approx(0.1 / 0.03, abs=0.1) and len(times) < 500
    assert sum(0.1 for _ in times) / 3600 < 0.03


def test_pixels_that_are_not_numbers_become_black():
    images = torch.tensor([[[float("nan"), 2.0, -1.0, 0.5]]])
    assert to_uint8(images)[..., 0].tolist() == [[0, 255, 0, 128]]


def test_questions_are_kept_by_what_they_ask(gi_home):
    kept, device = questions.Questions(most=2), torch.device("cpu")
    quiet = lambda fraction, text: None  # noqa: E731
    first = kept.get(tiny(), device, quiet)
    other = kept.get(tiny("dlg"), device, quiet)
    assert other.round is first.round and other.experiment.attack.kind == "dlg"
    told = kept.get(tiny(settings={"labels": "known"}), device, quiet)
    assert told.round is not first.round and told.round.knowledge.labels is not None
    again = kept.get(tiny(settings={"iterations": 99}), device, quiet)
    assert again.round is first.round and again.experiment.attack.iterations == 99
    kept.get(tiny(seed=6), device, quiet)
    kept.get(tiny(seed=7), device, quiet)
    assert kept.get(tiny(), device, quiet).round is not first.round


def test_the_live_view_costs_little(gi_home, tmp_path, monkeypatch):
    """CPU time inside the recorder, as a share of the run's; on a network this small it counts most."""
    spent, take = [0.0], Recorder.take

    def timed(*arguments):
        began = time.thread_time()
        take(*arguments)
        spent[0] += time.thread_time() - began

    monkeypatch.setattr(Recorder, "take", timed)
    _run(tiny(settings={"iterations": 10}), tmp_path / "warm")
    spent[0], began = 0.0, time.thread_time()
    _run(tiny(settings={"iterations": 1500}), tmp_path / "run")
    assert spent[0] < 0.1 * (time.thread_time() - began)


def test_importing_the_store_side_loads_no_torch():
    code = "import sys, gi_core.jobs.store, gi_core.jobs.job; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
