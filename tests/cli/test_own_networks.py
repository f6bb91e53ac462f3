"""`--model package.module:callable`, `network.pt2` and `torchvision:NAME` on every command that takes a network."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from gi_core.cli import main
from gi_core.networks.own_sources import load
from gi_core.settings import own_network
from gi_core.tensor_files.weights import write_state

SOURCE = '''
import torch
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(16, 16, 3, 1, 1), nn.ReLU(),
                         nn.Flatten(), nn.Linear(16 * 144, 40), nn.ReLU(), nn.Linear(40, 10))

def smooth():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Sigmoid(), nn.Flatten(), nn.Linear(8 * 36, 10))
'''  # fmt: skip


@pytest.fixture
def code(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(own_network, "_allowed", set())
    monkeypatch.setattr(own_network, "_every", False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("my_nets", None)
    yield tmp_path
    sys.modules.pop("my_nets", None)


def run(capsys, *arguments):
    status = main([str(a) for a in arguments])
    return status, capsys.readouterr()


def test_attack_peels_a_network_of_ones_own(code, capsys):
    status, said = run(capsys, "attack", "--model", "my_nets:net", "--size", 12, "--attack", "peeling", "--json")
    document = json.loads(said.out)
    assert status == 0 and document["model"]["weights"] == "the network's own"
    assert document["metrics"]["psnr"] > 60 and document["note"]


def test_an_exported_file_gives_what_the_code_gives(code, capsys):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = load("my_nets:smooth").eval()
    torch.export.save(torch.export.export(model, (torch.rand(1, 3, 12, 12),)), code / "net.pt2")
    status, said = run(capsys, "rank", "--model", "net.pt2", "--input", "3x12x12", "--json")
    report = json.loads(said.out)
    status_too, said = run(capsys, "rank", "--model", "my_nets:smooth", "--input", "3x12x12", "--json")
    other = json.loads(said.out)
    assert status == status_too == 0 and report["verdict"] == other["verdict"]
    assert [row["rank"] for row in report["layers"]] == [row["rank"] for row in other["layers"]]


def test_influence_and_measured_ranks(code, capsys):
    status, said = run(capsys, "influence", "--model", "my_nets:smooth", "--size", 12, "--seconds", 5, "--json")
    assert status == 0 and json.loads(said.out)["samples"][0]["predicted_rmse"] > 0
    status, said = run(capsys, "rank", "--model", "my_nets:net", "--input", "3x12x12", "--numeric")
    assert status == 0 and "measured; security index" in said.out


def files(code):
    """A checkpoint of the network and one gradient, as a client would send it."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = load("my_nets:smooth").eval()
    write_state(model, code / "before.safetensors", {})
    loss = torch.nn.functional.cross_entropy(model(torch.rand(1, 3, 12, 12)), torch.tensor([4]))
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    torch.save({n: g for (n, _), g in zip(model.named_parameters(), gradients, strict=True)}, code / "update.pt")


def test_invert_and_audit_read_updates_of_it(code, capsys):
    files(code)
    given = [
        "--model",
        "my_nets:smooth",
        "--checkpoint",
        "before.safetensors",
        "--update",
        "update.pt",
        "--image-size",
        12,
    ]
    plain = ["--client", "fedsgd", "--attack", "levenberg_marquardt:iterations=3,restarts=0"]
    status, said = run(capsys, "invert", *given, *plain, "--json")
    assert status == 0 and json.loads(said.out)["labels"]["recovered"] == [4]
    status, said = run(
        capsys, "audit", *given, *plain, "--reference", "bundled/astronaut", "--threshold", 0.5, "--json"
    )
    assert status in (0, 3), said.err


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("my_nets:nett", "my_nets has no 'nett': did you mean 'net'"),
        ("no_such_thing:net", "there is no Python module 'no_such_thing'"),
        ("missing.pt2", "is not there"),
        ("my_nets:net", "say their size, as --size 48 or --input 3x48x48"),
        ("torchvision:resnet19", "did you mean 'resnet18'"),
        ("torchvision:resnet18:klasses=3", "did you mean 'classes'"),
        ("memory:Net-1", "lives in the Python process"),
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_had_is_one_sentence(code, capsys, model, said):
    status, printed = run(capsys, "attack", "--model", model)
    assert status == 2 and said in printed.err and len(printed.err.strip().splitlines()) == 1


def test_a_file_with_somebodys_experiment_imports_nothing(code, capsys):
    """The right is of whoever types the name: an experiment's file may come from anybody."""
    document = {"model": {"kind": "own", "source": "my_nets:net", "classes": 10}, "size": 12}
    (code / "asked.json").write_text(json.dumps(document))
    status, printed = run(capsys, "attack", "--experiment", "asked.json")
    assert (
        status == 2
        and "ask python -m gi_core attack --model my_nets:net" in printed.err
        and "my_nets" not in sys.modules
    )
    settings = ["--attack", "inverting_gradients:iterations=2,trials=1"]
    status, printed = run(
        capsys, "attack", "--experiment", "asked.json", "--model", "my_nets:net", "--size", 12, *settings
    )
    assert status == 0, printed.err


def test_lists_name_what_libraries_offer(capsys):
    status, printed = run(capsys, "list", "torchvision", "--json")
    assert status == 0 and "resnet101" in json.loads(printed.out)
    status, printed = run(capsys, "list", "models")
    assert "package.module:callable" in printed.out and "timm:NAME" in printed.out
