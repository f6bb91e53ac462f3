"""An update from elsewhere, run through everything: no ground truth unless a reference is given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gi_core import data
from gi_core.clients import play
from gi_core.experiments import preparing
from gi_core.experiments.execute import execute
from gi_core.experiments.preview import preview
from gi_core.experiments.setup import Questions, ask, check, choose_device
from gi_core.jobs.sink import Free
from gi_core.jobs.store import Store
from gi_core.settings import Experiment, SpecError, build
from gi_core.tensor_files.weights import read_state
from gi_core.update_files.writing import after, write_round
from tests.runs_helpers import ListSink

torch.set_num_threads(1)
CPU = torch.device("cpu")
SMOOTH = {"kind": "lenet", "width": 4, "classes": 4, "init": "uniform", "seed": 2}
NORMED = {"kind": "convnet", "width": 4, "depth": 2, "classes": 3}
SHARED = {"kind": "fedavg", "batch_norm": "train", "statistics": "shared"}
LM = {"kind": "levenberg_marquardt", "iterations": 25, "krylov": 40}


def record(folder: Path, values: dict, *, pickled: bool = False, name: str = "r1") -> tuple[dict, data.Pictures]:
    """(files, private pictures) of a round that is played here, and forgotten."""
    asked = build({"size": 12, "channels": 1, "device": "cpu", **values})
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    done = play(asked, model, pictures, "cpu")
    before = {k: v.numpy() for k, v in model.state_dict().items()}
    change = {k: v.numpy() for k, v in done.update.tensors.items()}
    for key, value in (done.update.statistics or {}).items():
        change[key] = np.float32(value.double().numpy() - before[key].astype(np.float64))
    files = write_round(folder, before, change, name=name, pickled=pickled)
    return {k: str(v) for k, v in files.items()}, pictures


def about(files: dict, **values) -> Experiment:
    """The experiment of one who has the files only: other weights, no sample."""
    recorded = {**files, **values.pop("recorded", {})}
    model = {**values.pop("model", SMOOTH), "seed": 77}
    return build({"size": 12, "channels": 1, "device": "cpu", "recorded": recorded, "model": model} | values)


def run(asked: Experiment, folder: Path):
    sink = ListSink(folder)
    return execute(asked, sink=sink, control=Free()), sink


@pytest.fixture
def smooth(gi_home, tmp_path) -> tuple[dict, data.Pictures]:
    client = {"kind": "fedavg", "learning_rate": 0.1}
    return record(tmp_path / "files", {"samples": ["bundled/faces:3"], "model": SMOOTH, "client": client})


def test_a_recorded_picture_comes_back_and_nothing_is_compared(smooth, tmp_path):
    files, private = smooth
    asked = about(files, client={"kind": "fedavg", "learning_rate": 0.1}, attack=LM)
    document, sink = run(asked, tmp_path / "run")
    assert document["status"] == "done" and document["metrics"] == {} and document["per_image"] == []
    assert document["labels"]["true"] is None and document["labels"]["accuracy"] is None
    assert document["attacker"]["residual"] < 1e-3
    assert "no original" in document["verdict"] and "no original" in document["risk"]["afterwards"]
    assert sink.truth is None and not (sink.folder / "original.png").exists()
    assert all(p.psnr is None for p in sink.points)
    assert all(p.get("labels_true") is None for p in sink.progress)
    stored = np.load(sink.folder / "reconstruction.npz")
    assert list(stored) == ["images"]
    assert np.abs(stored["images"] - private.images).mean() < 0.01, "the attack saw the picture in the files"
    assert document["model"]["weights"] == "of the recorded round" and "own names" in document["model"]["naming"]


def test_with_a_reference_it_is_judged(smooth, tmp_path):
    files, private = smooth
    png = tmp_path / "private.png"
    Image.fromarray((private.images[0, 0] * 255).round().astype(np.uint8)).save(png)
    asked = about(files, recorded={"reference": str(png)}, client={"kind": "fedavg", "learning_rate": 0.1}, attack=LM)
    document, sink = run(asked, tmp_path / "run")
    assert document["metrics"]["psnr"] > 25 and document["metrics"]["iip_rank"] == 1
    assert document["metrics"]["label_accuracy"] is None and document["labels"]["true"] is None
    assert (sink.folder / "original.png").exists() and sink.truth is not None
    named = asked.model_copy(update={"labels": (int(private.labels[0]),)})
    document, _ = run(named, tmp_path / "named")
    assert document["labels"]["true"] == [int(private.labels[0])] and document["labels"]["accuracy"] == 1.0


def test_what_the_server_is_told_equals_a_round_played_here(gi_home, tmp_path):
    client = {**SHARED, "epochs": 2, "batch_size": 2, "learning_rate": 0.05}
    samples = [f"bundled/faces:{k}" for k in (3, 60, 120, 7)]
    values = {"samples": samples, "model": NORMED, "client": client, "labels": [0, 1, 2, 0]}
    files, _ = record(tmp_path, values, pickled=True)
    attack = {"kind": "inverting_gradients", "labels": "known", "iterations": 2}
    played = ask(build({"size": 12, "channels": 1, "attack": attack, **values}), CPU, lambda *_: None).round
    asked = about(files, recorded={"images": 4}, model=NORMED, client=client, labels=[0, 1, 2, 0], attack=attack)
    got = ask(asked, CPU, lambda *_: None).round
    assert got.knowledge.schedule == played.knowledge.schedule and got.knowledge.schedule.steps == 4
    assert got.update.kind == "weight_change" and got.update.images == 4
    for name, value in played.update.tensors.items():
        assert torch.equal(got.update.tensors[name], value)
    assert got.update.statistics.keys() == played.update.statistics.keys()
    for name, value in played.update.statistics.items():
        torch.testing.assert_close(got.update.statistics[name].float(), value.float(), rtol=1e-6, atol=1e-7)
    for name, value in played.knowledge.model.state_dict().items():
        assert torch.equal(got.knowledge.model.state_dict()[name], value)
    assert got.knowledge.labels.tolist() == [0, 1, 2, 0]
    for field in ("input_shape", "classes", "mean", "std", "batch_norm", "loss"):
        assert getattr(got.knowledge, field) == getattr(played.knowledge, field)


def test_statistics_are_hidden_where_the_client_withholds_them(gi_home, tmp_path):
    files, _ = record(tmp_path, {"samples": ["bundled/faces:3"], "model": NORMED, "client": SHARED})
    attack = {"kind": "inverting_gradients", "iterations": 2}
    for change, shown in (({}, True), ({"statistics": "withheld"}, False), ({"batch_norm": "eval"}, False)):
        question = ask(about(files, model=NORMED, client={**SHARED, **change}, attack=attack), CPU, lambda *_: None)
        assert (question.round.update.statistics is not None) == shown
        warned = any("client.batch_norm=train" in n for n in question.pictures.notices)
        assert warned == ("batch_norm" in change)


def test_the_counters_decide_how_many_steps_there_were(gi_home, tmp_path):
    client = {**SHARED, "epochs": 3}
    files, _ = record(tmp_path, {"samples": ["bundled/faces:3"], "model": NORMED, "client": client})
    attack = {"kind": "inverting_gradients", "iterations": 2}
    question = ask(about(files, model=NORMED, client=SHARED, attack=attack), CPU, lambda *_: None)
    assert question.round.knowledge.schedule.steps == 3
    assert any("3 local steps, the client's settings 1" in n for n in question.pictures.notices)
    unknown = {**SHARED, "schedule_known": False}
    question = ask(about(files, model=NORMED, client=unknown, attack=attack), CPU, lambda *_: None)
    assert question.round.knowledge.schedule.steps == 3 and question.round.knowledge.schedule.batch_size == 1


def test_a_counter_that_did_not_start_at_zero(gi_home, tmp_path):
    """The steps of a round are the rise of the counter, in a round played here too."""
    values = {"samples": ["bundled/faces:3"], "model": NORMED, "client": {**SHARED, "epochs": 2}}
    first, _ = record(tmp_path / "a", values)
    before = {k: v.numpy() for k, v in read_state(Path(first["checkpoint"]), "a").items()}
    change = dict(np.load(first["update"]))
    write_round(tmp_path / "b", {k: after(v, change[k]) for k, v in before.items()}, {}, name="next")
    weights = {"kind": "file", "path": str(tmp_path / "b" / "next_global.safetensors")}
    client = {**SHARED, "epochs": 3, "schedule_known": False}
    asked = build({"size": 12, "channels": 1, **values, "weights": weights, "client": client})
    question = ask(asked, CPU, lambda *_: None)
    counter = next(v for k, v in question.round.update.statistics.items() if k.endswith("num_batches_tracked"))
    assert int(counter) == 5 and question.round.knowledge.schedule.steps == 3


def test_a_file_may_hold_a_gradient(gi_home, tmp_path):
    files, private = record(tmp_path, {"samples": ["bundled/faces:3"], "model": SMOOTH})
    document, sink = run(about(files, attack=LM), tmp_path / "run")
    assert np.abs(np.load(sink.folder / "reconstruction.npz")["images"] - private.images).mean() < 0.01
    assert ask(about(files, attack=LM), CPU, lambda *_: None).round.knowledge.schedule is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": None}, "set size"),
        ({"attack": {"kind": "inverting_gradients", "labels": "known"}}, "are not known: give them"),
        ({"defenses": [{"kind": "mixing", "partners": "public"}]}, "cannot be read off an update"),
        (
            {
                "recorded": {"images": 2, "reference": "bundled/coffee"},
                "attack": {"kind": "inverting_gradients", "labels": "auto"},
            },
            "a reference is one picture",
        ),
        ({"labels": [4]}, "label 4 is out of range"),
        ({"recorded": {"update": "nowhere.npz"}}, "cannot read nowhere.npz"),
        ({"recorded": {"statistics": "nowhere.npz"}}, "no batch norm statistics"),
        ({"model": {**SMOOTH, "classes": 7}}, "set model.classes=4"),
        ({"model": {**SMOOTH, "width": 5}}, "of another shape"),
        ({"channels": 3}, "of another shape: conv1.weight is 4x1x5x5 instead of 4x3x5x5"),
        ({"recorded": {"checkpoint": "upload:" + "0" * 64}}, "upload the file again"),
    ],
)
def test_refused_in_one_sentence(smooth, tmp_path, values, words):
    asked = about(smooth[0], **{"attack": LM, "client": {"kind": "fedavg"}, **values})
    with pytest.raises(SpecError, match=words.replace("(", r"\(")):
        check(asked)
        ask(asked, CPU, lambda *_: None)


def test_the_influence_needs_the_picture(smooth):
    from gi_core.experiments import influence_analysis

    with pytest.raises(SpecError, match="recorded update has none"):
        influence_analysis.answer(about(smooth[0]))


def test_a_preview_says_what_it_can(smooth, tmp_path):
    files, _ = smooth
    asked = about(files, client={"kind": "fedavg", "learning_rate": 0.1}, attack=LM)
    answer = preview(asked, tmp_path, Questions())
    assert not [p for p in answer["problems"] if p["fatal"]] and answer["seconds_estimate"] > 0
    assert answer["original_png_path"] is None and answer["labels_true"] is None
    assert answer["input_shape"] == [1, 12, 12] and answer["risk"]["level"] == "partly"
    assert "before it was sent is not known" in answer["risk"]["reasons"][-1]
    json.dumps(answer, allow_nan=False)


def test_uploads_are_kept_and_paths_are_read_anew(smooth, gi_home):
    files, _ = smooth
    kept = Questions()
    asked = about(files, client={"kind": "fedavg"}, attack=LM)
    first = kept.get(asked, CPU, lambda *_: None)
    assert kept.get(asked, CPU, lambda *_: None).round is not first.round
    uploads = gi_home / "uploads"
    uploads.mkdir(parents=True)
    for k, part in enumerate(files):
        (uploads / f"{k:064d}").write_bytes(Path(files[part]).read_bytes())
    uploaded = about({part: f"upload:{k:064d}" for k, part in enumerate(files)}, client={"kind": "fedavg"}, attack=LM)
    first = kept.get(uploaded, CPU, lambda *_: None)
    assert kept.get(uploaded, CPU, lambda *_: None).round is first.round
    prior = {"kind": "fl_gradient_inversion", "prior": "bundled/coffee"}
    other = uploaded.model_copy(update={"attack": build({"attack": prior}).attack})
    question = kept.get(other, CPU, lambda *_: None)
    assert question.round.knowledge.prior is not None, "another prior is another question"
    assert kept.get(uploaded, CPU, lambda *_: None).round.knowledge.prior is None


def test_nothing_of_a_reference_reaches_the_attack(smooth, tmp_path):
    files, private = smooth
    Image.fromarray((private.images[0, 0] * 255).round().astype(np.uint8)).save(tmp_path / "private.png")
    asked = about(files, client={"kind": "fedavg"}, attack=LM)
    told = asked.recorded.model_copy(update={"reference": str(tmp_path / "private.png")})
    with_it = ask(asked.model_copy(update={"recorded": told}), CPU, lambda *_: None)
    without = ask(asked, CPU, lambda *_: None)
    assert with_it.pictures.known and not without.pictures.known
    for a, b in zip(with_it.round.update.tensors.values(), without.round.update.tensors.values(), strict=True):
        assert torch.equal(a, b)
    assert replace(with_it.round.knowledge, model=None) == replace(without.round.knowledge, model=None)
    assert choose_device("cpu") == CPU


def test_its_title_names_no_sample(gi_home):
    job = Store().job(Store().submit("run", about({"checkpoint": "a", "update": "b"}).model_dump(mode="json")))
    assert job.title.startswith("recorded update")
