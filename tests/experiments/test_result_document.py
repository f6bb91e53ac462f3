"""The document of a run is what `gi_core/types/result.py` declares, of every kind of run, and older ones still open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gi_core.experiments import influence_analysis, recording
from gi_core.experiments.execute import execute
from gi_core.experiments.preview import preview
from gi_core.experiments.recorded import inspecting
from gi_core.experiments.result_fields import document, parts
from gi_core.experiments.setup import Questions
from gi_core.jobs.sink import Free
from gi_core.metrics.registry import METRICS
from gi_core.settings import read_experiment
from gi_core.types.conforming import faults
from gi_core.types.influence import Influence
from gi_core.types.inspection import Inspection
from gi_core.types.preview import Preview
from gi_core.types.preview import read as read_preview
from gi_core.types.result import SCHEMA_VERSION, NoPicture, Result, read
from gi_core.types.result_parts import Network
from tests.recovery import ask, conv, drawn
from tests.runs_helpers import ListSink, Script, tiny

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
NOISE = {"kind": "gaussian_noise", "std": 1e-4}
DENSE = {"kind": "dense", "features": 30, "slope": 0.2}
NET = drawn(conv(16, 5, stride=2), conv(24), DENSE)
RUNS = {
    "plain": tiny(),
    "a batch": tiny(samples=["bundled/faces:3", "bundled/faces:4"]),
    "behind noise": tiny("levenberg_marquardt", defenses=[NOISE], settings={"iterations": 3, "labels": "known"}),
    "behind dp-sgd": tiny(defenses=[{"kind": "dp_sgd"}]),
    "several trials": tiny("dlg"),
    "a recursion": ask(NET, device="cpu"),
    "a recursion on a batch": ask(
        drawn(DENSE, {**DENSE, "bias": True}),
        "analytic_linear",
        samples=["bundled/faces:3", "bundled/faces:4"],
        device="cpu",
    ),
    "pictures that are told apart": ask(
        {"kind": "vit", "hidden": 96, "heads": 3, "depth": 2, "patch": 8},
        "transformer",
        size=32,
        samples=["bundled/astronaut", "bundled/coffee"],
        device="cpu",
    ),
}
BESIDE = ("note", "iip_candidates", "label_true", "label_recovered", "index", "matched", "rdlv_site", "ssim_prior")


def run(asked, folder: Path, control=None, **options):
    sink = ListSink(folder)
    return execute(asked, sink=sink, control=control(sink) if control else Free(), **options)


def wrong(found: dict, kind: type = Result) -> list[str]:
    return faults(found, kind, open_=(Network,))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_holds_what_is_declared(gi_home, tmp_path, name):
    found = run(RUNS[name], tmp_path / "run")
    assert wrong(found) == []
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == json.loads(json.dumps(found))
    assert found["schema_version"] == SCHEMA_VERSION == 1
    assert {"normalisation", "risk", "out"} <= found.keys() and found["risk"]["afterwards"]
    assert ("calibration" in found) == ("behind" in name)
    solved = "recursion" in name or "told apart" in name
    assert ("layers" in found, "mixture" in found) == (solved, "recursion on a batch" in name)
    assert bool(found["defenses"]) == ("behind" in name) and ("rescaled" in found) == (name == "a recursion")


def test_every_measure_is_of_the_registry(gi_home, tmp_path):
    found = run(RUNS["a batch"], tmp_path / "run")
    for measures in (found["metrics"], *found["per_image"]):
        assert {k for k in measures if k.removesuffix("_sd").removesuffix("_note") not in (*METRICS, *BESIDE)} == set()
    assert found["metrics"]["psnr_sd"] is not None and [e["index"] for e in found["per_image"]] == [0, 1]


def test_a_recorded_update(gi_home, tmp_path):
    played = tiny(client={"kind": "fedavg", "learning_rate": 0.1}, size=12)
    files = recording.record(played, tmp_path)
    found = run(read_experiment((tmp_path / files["experiment"]).read_text()), tmp_path / "run")
    assert wrong(found) == [] and found["update"]["scale"] == pytest.approx(1, abs=0.01)
    assert found["attacker"]["unexplained"] is not None and found["model"]["naming"]


def test_a_run_without_truth_and_one_that_is_cancelled(gi_home, tmp_path):
    blind = run(tiny(), tmp_path / "blind", ground_truth=False)
    assert wrong(blind) == [] and blind["metrics"] == {} and blind["labels"]["true"] is None
    ended = run(tiny(settings={"iterations": 1000}), tmp_path / "ended", lambda sink: Script(sink, 3, "cancel"))
    assert wrong(ended) == [] and ended["status"] == "cancelled" and ended["metrics"]["psnr"]


def test_a_run_that_stops_without_a_picture(gi_home, tmp_path):
    class Now:
        def poll(self):
            return "pause"

    found = run(tiny(), tmp_path / "run", lambda sink: Now())
    assert wrong(found, NoPicture) == [] and found["status"] == "paused" and read(found) is None


def test_what_is_said_before_a_run_holds_what_is_declared(gi_home, tmp_path):
    defended = tiny(defenses=[NOISE, {"kind": "pruning", "fraction": 0.5}])
    found = preview(defended, tmp_path, Questions())
    assert faults(found, Preview) == [] and len(found["effects"]) == 2 and found["risk"]["level"]
    impossible = preview(tiny(samples=["bundled/nobody"]), tmp_path, Questions())
    assert faults(impossible, Preview) == [] and impossible["problems"][0]["fatal"]
    assert read_preview({"notices": ["an older one"]})["effects"] == []


def test_an_influence_and_an_inspection_hold_what_is_declared(gi_home, tmp_path):
    asked = tiny(samples=["bundled/faces:3", "bundled/faces:4"], defenses=[NOISE])
    for noise in (None, 1e-3):
        found = influence_analysis.answer(asked, noise)
        assert faults(found, Influence) == [] and all("error" not in one for one in found["samples"])
    files = recording.record(tiny(size=12), tmp_path)["files"]
    recorded = {kind: str(tmp_path / files[kind]) for kind in ("checkpoint", "update")}
    for more in ({}, {"model": tiny().model.model_dump(mode="json"), "channels": 1, "size": 12}):
        seen = inspecting.answer({"recorded": recorded, "client": {"kind": "fedsgd"}, **more})
        assert faults(seen, Inspection) == [] and ("whole" in seen) == bool(more) and seen["problem"] is None


def test_a_result_of_an_older_version_still_opens():
    old = json.loads((ROOT / "assets/example/run.json").read_text())["job"]["result"]
    assert "schema_version" not in old and "normalisation" not in old
    assert wrong(old) == [] and read(old) == old


def test_a_damaged_result_has_every_field_empty():
    assert read(None) is None and read({"status": "failed", "error": "no"}) is None
    found = read({"metrics": {"psnr": 3.0}, "labels": None})
    assert wrong(found) == [] and found["metrics"] == {"psnr": 3.0} and found["labels"]["names"] == []
    found["per_image"].append({})
    assert read({"metrics": {}})["per_image"] == []


def test_faults_are_found():
    found = {"trial": 0, "score": "low", "mse": None, "psmr": 3.0}
    assert sorted(faults(found, parts(Result)[4])) == [
        ".psmr is not declared", ".psnr is missing", ".score: 'low' is no NoneType",
    ]  # fmt: skip


def test_every_field_says_its_meaning_and_stands_in_the_document():
    assert (ROOT / "docs/results.md").read_text() == document(), (
        "python -m gi_core.experiments.result_fields writes it anew"
    )
