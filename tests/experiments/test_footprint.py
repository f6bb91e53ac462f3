"""How much memory an experiment takes, estimated before it starts, and what is done where it is too much."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from gi_core.attacks import plan as plans
from gi_core.experiments import estimate, footprint
from gi_core.experiments.execute import execute
from gi_core.experiments.preview import preview
from gi_core.experiments.setup import Questions
from gi_core.jobs.sink import Free
from gi_core.jobs.store import Store
from gi_core.settings import SpecError, build
from gi_core.settings.plan import Plan
from gi_core.workers.worker import Worker
from tests.runs_helpers import ListSink, faces

pytestmark = pytest.mark.usefixtures("sixteen_gib")


def test_sixty_four_faces_of_256_pixels_with_64_trials_are_refused_everywhere_alike(gi_home, tmp_path):
    heavy = faces(64, size=256, attack={"trials": 64, "labels": "known"})
    said = footprint.problem(heavy).reason
    assert "64 pictures of 256 pixels with 64 trials" in said and "8 GiB are allowed" in said
    answer = preview(heavy, tmp_path, Questions())
    assert [p["reason"] for p in answer["problems"] if p["fatal"]] == [said] and answer["seconds_estimate"] is None
    with pytest.raises(SpecError, match="64 pictures of 256 pixels with 64 trials on this network take about"):
        execute(heavy, sink=ListSink(tmp_path / "run"), control=Free())
    worker = Worker(Store(), "interactive")
    worker.questions = Questions()
    run = worker.store.submit("run", heavy.model_dump(mode="json"))
    worker.do(worker.writer.claim("interactive"))
    assert worker.store.job(run).state == "failed" and worker.store.job(run).error == said


def test_memory_by_the_formula_on_one_dense_layer():
    one = build({"model": {"kind": "linear", "classes": 10}, "size": 8, "channels": 1, "attack": {
        "kind": "inverting_gradients", "trials": 3}})  # fmt: skip
    values = 64 * 10 + (10 if footprint.counted(one)[0] > 640 else 0)
    parameters, activations, pixels = footprint.counted(one)
    assert (parameters, pixels) == (values, 64)
    network = footprint.BASE + 4 * footprint.COPIES * parameters
    trial = 4 * (footprint.PER_PARAMETER * parameters + footprint.PER_ACTIVATION * activations)
    kept = 3 * 64 * 4 * footprint.PER_PIXEL
    found = footprint.footprint(one)
    assert (found.one, found.whole) == (network + trial + kept, network + 3 * trial + kept)


@pytest.mark.parametrize(
    ("more", "measured"),  # MiB of its own that the process held at most, two iterations, one thread
    [
        ({"size": 32, "model": "lenet"}, 248),
        ({"size": 64, "model": "resnet18", "attack": {"trials": 2}}, 694),
        ({"size": 224, "model": "resnet18"}, 808),
    ],
)
def test_an_estimate_is_no_less_than_what_was_measured_and_no_more_than_twice(more, measured):
    one = faces(1, **{**more, "model": {"kind": more["model"]}})
    assert measured <= footprint.footprint(one).whole / 2**20 < 2 * measured


def test_a_preview_that_would_take_much_shows_the_pictures_only(gi_home, tmp_path, monkeypatch):
    monkeypatch.setenv("GI_PREVIEW_MB", "310")
    answer = preview(faces(1, size=64, model={"kind": "resnet18"}), tmp_path, Questions())
    assert answer["original_png_path"] and answer["seconds_estimate"] is None and "risk" not in answer
    assert "GI_PREVIEW_MB" in answer["notices"][-1] and not answer["problems"]


def test_arrays_of_numpy_and_torch_are_what_is_counted():
    """In a process of its own: what earlier tests leave behind may be freed at any moment."""
    program = """
import time, numpy as np, torch
from gi_core.jobs import supervision
before = supervision.resident()
held = np.ones(2**27, np.uint8), torch.ones(2**25)
assert supervision.resident() - before > 0.9 * (2**27 + 2**27), supervision.resident() - before
began, x = supervision.spent(), torch.rand(300, 300)
used = time.process_time()
while time.process_time() - used < 0.2:
    x = (x @ x) / x.numel()
assert 0.1 < supervision.spent() - began < 0.5, supervision.spent() - began
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def test_as_many_trials_advance_at_a_time_as_fit_into_the_memory(gi_home, tmp_path, monkeypatch):
    """The plan is cut to the limit and says so; where one trial does not fit the run is refused."""
    asked = faces(
        1, size=64, model={"kind": "lenet", "width": 64}, attack={"kind": "idlg", "trials": 16, "iterations": 1}
    )
    found = footprint.footprint(asked)
    limit = -(-(found.one + 4 * found.trial) // 2**20)
    most = 1 + int((limit * 2**20 - found.one) // found.trial)
    assert 4 < most < 10 and footprint.trials_at_once(asked, 2**20) == 1
    for mebibytes, kept in ((limit, most), (4 * limit, None), (limit, most)):  # kept plans of either limit stay apart
        monkeypatch.setenv("GI_MEMORY_MB", str(mebibytes))
        sink = ListSink(tmp_path / f"run{mebibytes}")
        plan = execute(asked, sink=sink, control=Free())["plan"]
        assert (plan["chunk"], plan["most"]) == ((16, None) if kept is None else (kept, kept))
        said = [n for n in sink.notices if "advance at a time" in n]
        assert (
            (said == [])
            if kept is None
            else said[0].startswith(f"{kept} of 16 trials advance at a time, as more do not")
        )
    monkeypatch.setenv("GI_MEMORY_MB", str(int(found.one // 2**20) - 1))
    with pytest.raises(SpecError, match="with 16 trials on this network take about"):
        execute(asked, sink=ListSink(tmp_path / "refused"), control=Free())
    kept = Plan(chunk=16)  # of a checkpoint that a larger worker wrote
    assert plans.within(kept, 3).chunk == 3 and plans.within(kept, 20) == kept == plans.within(kept, None)


BASE = {"kind": "vit", "patch": 16, "hidden": 768, "heads": 12, "depth": 12}


def test_a_transformer_that_is_too_large_for_a_preview_is_judged_by_its_rank_and_sizes(gi_home, tmp_path, monkeypatch):
    """Neither its weights nor a gradient are made for that."""
    monkeypatch.setattr(Questions, "get", lambda *_: pytest.fail("the network was built"))
    whole = {"samples": ["bundled/astronaut"], "size": 224, "model": BASE, "attack": {"kind": "transformer"}}
    answer = preview(build(whole), tmp_path, Questions())
    assert (
        answer["risk"]["level"] == "exposed"
        and "the positions' gradient gives every patch" in answer["risk"]["reasons"][0]
    )
    assert answer["parameters"] > 80_000_000 and answer["gradient_norm"] is None and not answer["notices"]
    assert 0 < answer["seconds_estimate"] < 2 and answer["iterations_estimate"] == 2
    stepped = preview(build({**whole, "client": {"kind": "fedavg", "epochs": 20}}), tmp_path, Questions())
    assert stepped["risk"]["level"] == "exposed"
    adam = {"kind": "fedavg", "epochs": 20, "optimiser": "adam"}
    moved = build({**whole, "client": adam, "attack": {"kind": "inverting_gradients"}})
    left = preview(moved, tmp_path, Questions())
    assert (
        left["risk"]["level"] == "partly"
        and left["seconds_estimate"] is None
        and "GI_PREVIEW_MB" in left["notices"][-1]
    )
    noise = [{"kind": "gaussian_noise", "std": 1e-3}]
    assert preview(build({**whole, "defenses": noise}), tmp_path, Questions())["risk"]["level"] == "partly"
    two = preview(build({**whole, "samples": ["bundled/astronaut", "bundled/coffee"]}), tmp_path, Questions())
    assert two["risk"]["level"] == "partly" and "mixture" in two["risk"]["reasons"][0]


def test_costs_by_sizes_are_those_of_the_machine():
    """A preview that builds nothing says the time that one which builds would say."""
    for samples, hidden in ((1, 96), (1, 12), (2, 96)):
        asked = build({
            "samples": [f"bundled/faces:{k}" for k in range(samples)], "size": 32, "channels": 3, "normalise": "0.5/0.5",
            "model": {"kind": "vit", "patch": 8, "hidden": hidden, "heads": 3, "depth": 2}, "attack": {"kind": "transformer"},
        })  # fmt: skip
        question = Questions().get(asked, torch.device("cpu"), lambda *_: None)
        each, count, _ = estimate.seconds_per_iteration(question)
        assert estimate.by_sizes(asked, (32, 32)) == (pytest.approx(each), count)
