"""What is told of a recorded round's files, with the network and without, and as a worker's job."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gi_core import networks
from gi_core.experiments.recorded import inspecting
from gi_core.experiments.setup import Questions
from gi_core.jobs.processes import Processes
from gi_core.jobs.sink import Free
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError
from gi_core.update_files.writing import write_npz, write_safetensors
from gi_core.workers import duties
from tests.update_files.recorded import MONAI, SMALL, played, renamed, written

torch.set_num_threads(1)
MODEL = SMALL.model_dump(mode="json")


def asked(recorded, **more) -> dict:
    return {"recorded": recorded.model_dump(mode="json"), "model": MODEL, "size": 12, "channels": 1, **more}


def test_everything_is_told(tmp_path):
    network, before, change, _ = played(steps=2)
    recorded = written(tmp_path, renamed(before, "model"), renamed(change, "model"), pickled=True)
    got = inspecting.answer(asked(recorded))
    json.dumps(got, allow_nan=False)
    assert got["problem"] is None and got["finite"] and got["steps"] == 2 and got["classes"] == 3
    assert got["parameters"] == sum(p.numel() for p in network.parameters()) and got["channels"] == 1
    assert got["statistics"] == {"present": True, "from": "file", "entries": 4}
    assert got["scheme"] == got["checkpoint_scheme"] == "prefix model."
    assert got["learning_rate"] is None and "learning rate" in got["notices"][0]
    layers = {layer["name"]: layer for layer in got["layers"]}
    assert layers["conv1.weight"]["file_name"] == "model.conv1.weight"
    assert layers["conv1.weight"]["norm"] == pytest.approx(float(np.linalg.norm(change["conv1.weight"])))
    relative = np.linalg.norm(change["conv1.weight"]) / np.linalg.norm(before["conv1.weight"])
    assert layers["conv1.weight"]["relative"] == pytest.approx(float(relative), rel=1e-5)
    assert layers["bn0.running_mean"]["buffer"] and not layers["bn0.weight"]["buffer"]
    own = [change[name] for name, _ in network.named_parameters()]
    assert got["norm"] == pytest.approx(float(np.sqrt(sum((v.astype(float) ** 2).sum() for v in own))))


def test_without_the_network_its_own_names_stand(tmp_path):
    _, before, change, _ = played("resnet18")
    recorded = written(tmp_path, renamed(before, "monai"), renamed(change, "monai"))
    got = inspecting.answer({"recorded": {"update": recorded.update}})
    assert got["classes"] == 2 and got["channels"] == 3 and got["steps"] == 1 and got["scheme"] is None
    assert got["statistics"]["from"] == "change" and got["statistics"]["entries"] == 40
    assert got["layers"][0]["name"] == f"{MONAI['conv1']}.weight" and len(got["layers"]) == 122
    known = inspecting.answer({"recorded": recorded.model_dump(), "model": {"kind": "resnet18"}})
    assert known["problem"] is None and known["scheme"].startswith("MONAI")


def test_files_that_do_not_belong_to_the_network_are_still_told(tmp_path):
    _, before, change, _ = played()
    recorded = written(tmp_path, before, change)
    got = inspecting.answer(asked(recorded, model={"kind": "lenet"}))
    assert "does not belong to this network" in got["problem"] and got["layers"][0]["name"] == "conv0.weight"
    got = inspecting.answer(asked(recorded, model={**MODEL, "classes": 7}))
    assert "set model.classes=3" in got["problem"]


def test_classes_of_a_file_whose_order_is_lost(tmp_path):
    network = networks.build(SMALL, (1, 12, 12), 3)
    write_safetensors(tmp_path / "u.safetensors", {k: v.numpy() for k, v in network.state_dict().items()})
    assert inspecting.answer({"recorded": {"update": str(tmp_path / "u.safetensors")}})["classes"] == 3
    write_npz(tmp_path / "u.npz", {"a": np.ones((5, 4)), "b": np.ones((2, 5))})
    assert inspecting.answer({"recorded": {"update": str(tmp_path / "u.npz")}})["classes"] == 2


def test_values_that_are_not_finite_are_named(tmp_path):
    _, before, change, _ = played()
    recorded = written(tmp_path, before, {**change, "fc.bias": np.array([1, np.nan, 2])})
    got = inspecting.answer(asked(recorded))
    assert not got["finite"] and got["not_finite"] == ["fc.bias"] and got["scheme"] is None
    json.dumps(got, allow_nan=False)


def test_as_a_job(gi_home, tmp_path):
    _, before, change, _ = played()
    recorded = written(tmp_path, before, change)
    store = Store()
    writer = Writer(store, Processes(store.database).register("command"))

    def done(spec: dict):
        number = store.submit("inspect", spec)
        duties.do(writer.take(number), writer, Free(), Questions())
        return store.job(number)

    job = done(asked(recorded))
    assert job.state == "done" and job.result["steps"] == 1 and job.result["layers"]
    Path(recorded.update).write_bytes(b"PK\x03\x04 nothing")
    job = done(asked(recorded))
    assert job.state == "failed" and "damaged or cut off" in job.error
    assert done({"recorded": {}}).error == "give the file of an update"


def test_settings_that_are_no_network(tmp_path):
    _, before, change, _ = played()
    with pytest.raises(SpecError, match="not valid"):
        inspecting.answer(asked(written(tmp_path, before, change), model={"kind": "none"}))
