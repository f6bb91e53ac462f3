"""A server that fishes in a federation and in a round that was recorded: one client gets its network, and only that client."""

from __future__ import annotations

import torch

import gi_core as gi
from gi_core.experiments.federation.running import answer
from gi_core.experiments.recording import record
from gi_core.settings import build, read_experiment
from gi_core.settings.federation import build_federation
from tests.runs_helpers import tiny

FISHING = {"kind": "fishing", "of_class": 1}


def fished(**changes):
    values = {
        "samples": [f"bundled/faces:{k}" for k in range(3)], "labels": [0, 1, 2], "server": FISHING,
        "attack": {"kind": "levenberg_marquardt", "krylov": 20},
    }  # fmt: skip
    return build(tiny().model_dump(mode="json") | values | changes)


def test_a_federation_fishes_for_the_client_under_attack_alone(tmp_path):
    settings = build_federation({
        "data": "faces", "clients": 2, "pictures": 4, "size": 8, "channels": 1, "rounds": 1, "attacked": [1], "server": {"kind": "fishing"},
        "model": {"kind": "lenet", "width": 4, "init": "uniform"}, "client": {"kind": "fedavg", "learning_rate": 0.1},
        "attack": {"kind": "levenberg_marquardt", "labels": "auto", "krylov": 20},
    })  # fmt: skip
    found = answer(settings, tmp_path)
    (one,) = found["rounds"][0]["clients"]
    assert "error" not in one, one
    assert 1 <= len(one["per_image"]) <= 4 and len(one["labels"]["true"]) == len(one["per_image"])
    files = one["files"]
    asked = read_experiment((tmp_path / files["experiment"]).read_text())
    assert asked.server.kind == "fishing" and asked.server.of_class == one["labels"]["true"][0]
    before = torch.load(tmp_path / files["checkpoint"], weights_only=True)
    last = [t for name, t in before.items() if name.endswith("weight")][-1]
    assert int((last.abs().sum(1) > 0).sum()) == 1  # what was recorded is what the client got


def test_a_recorded_round_is_fished_as_the_played_one_was(tmp_path):
    names = record(fished(), tmp_path)
    asked = read_experiment((tmp_path / names["experiment"]).read_text())
    assert asked.server.of_class == 1
    result = gi.run(asked, progress=False)
    assert result.images.shape[0] == 1 and result.matched
    assert gi.inspect_model(result_module(fished()))["of_class"] == 1


def result_module(asked):
    from gi_core.common.progress import silent
    from gi_core.experiments.setup import ask

    return ask(asked, torch.device("cpu"), silent).round.knowledge.model


def test_python_sends_and_attacks_by_the_same_word():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 40), torch.nn.Sigmoid(), torch.nn.Linear(40, 4))
    pictures = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    sent = gi.client(model, pictures, [0, 1, 2], server="fishing:class=1")
    result = gi.attack(model, sent, attack="levenberg_marquardt", progress=False)
    assert float((result.images[0].double() - pictures[1]).abs().max()) < 1e-3


def test_a_run_behind_a_rounding_says_what_its_client_could_notice():
    found = gi.run(fished(defenses=[{"kind": "half_precision"}]), progress=False).document["model_check"]
    assert found["sentence"].startswith("this model asks for pictures of class 1")


def test_bins_are_read_in_python_and_from_a_recorded_round(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 4)
    )
    pictures = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    sent = gi.client(model, pictures, [0, 1, 2], server="imprint:bins=64")
    found = gi.attack(model, sent, attack="imprint", progress=False)
    near = ((found.images[:, None].double() - pictures[None]) ** 2).flatten(2).mean(-1).min(1).values
    assert int((near < 1e-6).sum()) >= 1 and "of 3 pictures came back alone" in found.document["attacker"]["note"]
    names = record(fished(server={"kind": "imprint", "bins": 64}, attack={"kind": "imprint"}), tmp_path)
    again = gi.run(read_experiment((tmp_path / names["experiment"]).read_text()), progress=False)
    assert "came back alone from 64 bins" in again.document["attacker"]["note"]
