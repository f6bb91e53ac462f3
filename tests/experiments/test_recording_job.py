"""A round that is played here becomes files and a question that knows no more than a server does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gi_core import clients, data
from gi_core.experiments import preparing, recording
from gi_core.experiments.federation import opening
from gi_core.experiments.setup import Questions, ask
from gi_core.jobs.processes import Processes
from gi_core.jobs.sink import Free
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError, build, read_experiment
from gi_core.tensor_files.reading import read_arrays
from gi_core.workers import duties

torch.set_num_threads(1)
CPU = torch.device("cpu")
ASKED = build({
    "samples": ["bundled/chelsea"], "size": 16, "device": "cpu", "model": {"kind": "convnet", "width": 4, "depth": 2},
    "client": {"kind": "fedavg", "batch_norm": "train", "statistics": "shared"}, "attack": {"kind": "fl_gradient_inversion"},
})  # fmt: skip


def test_the_recorded_round_is_the_one_that_was_played(gi_home, tmp_path):
    found = recording.record(ASKED, tmp_path)
    asked = read_experiment((tmp_path / found["experiment"]).read_text())
    assert "chelsea" not in asked.to_json() and asked.labels is None and asked.model.classes == 11
    got = ask(asked, CPU, lambda *_: None)
    pictures = data.load(ASKED)
    played = clients.play(ASKED, preparing.prepare(ASKED, pictures)[0], pictures, CPU)
    for name, value in played.update.tensors.items():
        assert torch.equal(got.round.update.tensors[name], value)
    for name, value in played.update.statistics.items():
        torch.testing.assert_close(got.round.update.statistics[name].float(), value.float(), rtol=1e-6, atol=1e-7)
    assert got.round.knowledge.schedule == played.knowledge.schedule and got.pictures.known
    assert abs(got.pictures.images - pictures.images).max() < 1 / 255


def test_a_batch_has_no_reference_and_told_labels_are_kept(gi_home, tmp_path):
    values = ASKED.model_dump(mode="json") | {
        "samples": ["bundled/faces:0", "bundled/faces:120"], "attack": {"kind": "inverting_gradients", "labels": "known"}
    }  # fmt: skip
    found = recording.record(build(values), tmp_path)
    asked = read_experiment((tmp_path / found["experiment"]).read_text())
    assert asked.recorded.reference is None and asked.recorded.images == 2 and sorted(asked.labels) == [0, 1]
    with pytest.raises(SpecError, match="recorded already"):
        recording.record(asked, tmp_path)


def test_as_a_job_whose_files_a_browser_may_name(gi_home):
    store = Store()
    writer = Writer(store, Processes(store.database).register("command"))
    number = store.submit("record", ASKED.model_dump(mode="json"))
    duties.do(writer.take(number), writer, Free(), Questions())
    job = store.job(number)
    assert job.state == "done" and set(job.result["files"]) == {"checkpoint", "update", "statistics", "reference"}
    asked = opening.for_browser(store.path(number), job.result["experiment"])
    assert all(ref.startswith("upload:") for ref in (asked.recorded.update, asked.recorded.reference))
    assert len(list(Path(gi_home / "uploads").iterdir())) == 4


def test_what_was_withheld_is_in_no_file_and_comes_back_as_withheld(gi_home, tmp_path):
    withheld = {"kind": "withheld_layers", "which": "last", "count": 1}
    values = ASKED.model_dump(mode="json") | {"defenses": [withheld], "attack": {"kind": "inverting_gradients"}}
    found = recording.record(build(values), tmp_path)
    asked = read_experiment((tmp_path / found["experiment"]).read_text())
    assert asked.recorded.withheld == ("fc.bias",)
    given, _ = read_arrays(Path(asked.recorded.update), "update")
    assert "fc.bias" not in given and "fc.weight" in given
    back = ask(asked, CPU, lambda *_: None).round.update
    assert back.withheld == ("fc.bias",) and not back.tensors["fc.bias"].any() and back.tensors["fc.weight"].any()
    for withheld, words in ((("fc.bia",), "which this network has not"), (tuple(back.tensors), "names every tensor")):
        wrong = asked.model_copy(update={"recorded": asked.recorded.model_copy(update={"withheld": withheld})})
        with pytest.raises(SpecError, match=words):
            ask(wrong, CPU, lambda *_: None)
