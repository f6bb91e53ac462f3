"""A bottleneck that a defense built into the network: in weight files, recorded rounds, federations, and what is foretold."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gi_core import data, defenses
from gi_core.analysis.influence import predict
from gi_core.experiments import preparing, recording, risk_meter
from gi_core.experiments.federation import running
from gi_core.experiments.federation.dataset import shards
from gi_core.experiments.federation.rounds import Simulation
from gi_core.experiments.setup import ask
from gi_core.networks.bottleneck import bottlenecks
from gi_core.settings import SpecError, build, read_experiment
from gi_core.settings.federation import build_federation
from gi_core.settings.federation_checks import federation_problems

torch.set_num_threads(1)
CPU = torch.device("cpu")
PRECODE = {"kind": "precode", "features": 4}
ASKED = {
    "samples": ["bundled/faces:3"], "size": 12, "device": "cpu", "model": {"kind": "lenet", "width": 2},
    "client": {"kind": "fedavg"}, "attack": {"kind": "inverting_gradients", "iterations": 2},
}  # fmt: skip


def prepared(**values):
    asked = build({**ASKED, **values})
    return preparing.prepare(asked, data.load(asked))


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_a_round_of_such_a_network_is_recorded_and_read_again(gi_home, tmp_path):
    played = build({**ASKED, "defenses": [{"kind": "clipping"}, PRECODE]})
    found = recording.record(played, tmp_path)
    asked = read_experiment((tmp_path / found["experiment"]).read_text())
    assert [d.kind for d in asked.defenses] == ["precode"], (
        "what was built in stays, what was done to the update does not"
    )
    got = ask(asked, CPU, lambda *_: None)
    there = ask(played, CPU, lambda *_: None)
    assert equal(got.round.knowledge.model, there.round.knowledge.model)
    for name, tensor in there.round.update.tensors.items():
        assert torch.equal(got.round.update.tensors[name], tensor)
    assert any(".bottleneck." in name for name in got.round.update.tensors)
    assert got.round.knowledge.defenses == ({"kind": "precode", "bottleneck": True},)
    assert bottlenecks(got.round.knowledge.model)[0].eps.abs().min() > 0, "the server guesses"
    again = ask(asked.model_copy(update={"defenses": played.defenses}), CPU, lambda *_: None).round
    assert {known["kind"] for known in again.knowledge.defenses} == {"clipping", "precode"}
    for name, tensor in there.round.update.tensors.items():
        assert torch.equal(again.update.tensors[name], tensor), "the file is attacked as it is, and not clipped again"


def test_weight_files_with_and_without_a_bottleneck(gi_home, tmp_path):
    defended, _ = prepared(defenses=[PRECODE], seed=5)
    plain, _ = prepared(model={"kind": "lenet", "width": 2, "seed": 9})
    for name, model in (("defended", defended), ("plain", plain)):
        save_file(model.state_dict(), tmp_path / f"{name}.safetensors")

    def read(name: str, **values):
        return prepared(weights={"kind": "file", "path": str(tmp_path / f"{name}.safetensors")}, **values)

    again, info = read("defended", defenses=[PRECODE])
    assert equal(again, defended) and not info["notices"]
    half, info = read("plain", defenses=[PRECODE])
    assert "fresh" in info["notices"][0] and len(bottlenecks(half)) == 1
    kept = dict(half.named_parameters())
    assert all(torch.equal(p, kept[n]) for n, p in plain.named_parameters() if n in kept) and "conv1.weight" in kept
    with pytest.raises(SpecError, match="another architecture"):
        read("defended")
    assert info["parameters"] == sum(p.numel() for p in half.parameters())


def test_trained_weights_are_trained_with_the_bottleneck(gi_home):
    asked = {"weights": {"kind": "trained", "epochs": 2, "data": "faces"}, "defenses": [PRECODE]}
    model, info = prepared(**asked)
    start, _ = prepared(defenses=[PRECODE])
    (part,), (before,) = bottlenecks(model), bottlenecks(start)
    assert not torch.equal(part.encoder.weight, before.encoder.weight) and 0 <= info["accuracy"] <= 1
    assert part.seed is None and not part.eps.any()
    again, cached = prepared(**asked)
    assert equal(again, model) and cached["accuracy"] == info["accuracy"]
    other, _ = prepared(**asked, seed=1)
    assert not equal(other, model), "another seed draws another bottleneck"


def test_a_federation_shares_one_such_network(gi_home, tmp_path: Path):
    settings = build_federation({
        "clients": 3, "pictures": [10, 10, 1], "size": 12, "rounds": 2, "device": "cpu", "defenses": [PRECODE],
        "model": {"kind": "lenet", "width": 2, "activation": "tanh"}, "client": {"learning_rate": 0.1, "batch_size": 5},
        "attack": {"kind": "inverting_gradients", "iterations": 2, "labels": "known"}, "attacked": [3],
    })  # fmt: skip
    assert not [p for p in federation_problems(settings) if p.fatal]
    simulation = Simulation(settings, shards(settings), CPU)
    assert equal(simulation.start, defenses.wrapped(simulation.start, settings.defenses, 3))
    first = simulation.play(1, simulation.start)
    second = simulation.play(2, first.after)
    names = [n for n, _ in second.after.named_parameters()]
    assert sum(".bottleneck." in n for n in names) == 4 and not equal(first.before, second.before)
    assert list(second.sent[0].tensors) == names and not bottlenecks(second.after)[0].eps.any()
    document = running.answer(settings, tmp_path)
    entry = document["rounds"][1]["clients"][0]
    assert "error" not in entry
    asked = read_experiment((tmp_path / entry["files"]["experiment"]).read_text())
    got = ask(asked, CPU, lambda *_: None)
    assert len(bottlenecks(got.round.knowledge.model)) == 1


@pytest.mark.parametrize("defense", [PRECODE, {"kind": "soteria"}, {"kind": "mixing"}], ids=lambda d: d["kind"])
def test_nothing_is_foretold_behind_them(gi_home, defense):
    asked = build({**ASKED, "client": {"kind": "fedsgd"}, "defenses": [defense]})
    question = ask(asked, CPU, lambda *_: None)
    risk = risk_meter.measure(question)
    assert risk["level"] == "partly" and risk["error"] is None
    assert any("is not predicted: attack to find out" in r for r in risk["reasons"])
    assert not any("equations" in r for r in risk["reasons"])
    with pytest.raises(SpecError, match="attack to find out"):
        predict.know(asked, question.model, question.pictures, 0, CPU)
