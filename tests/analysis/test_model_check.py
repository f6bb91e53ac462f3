"""What a client notices of a network before it trains: nothing of honest ones, the class of one that fishes."""

from __future__ import annotations

import copy
import json

import pytest
import torch

import gi_core as gi
from gi_core.analysis.model_check import check
from gi_core.cli import main
from gi_core.experiments.model_inspection import answer
from gi_core.networks.building import build
from gi_core.networks.fishing import fishing, head
from gi_core.networks.imprint import imprinted
from gi_core.networks.trap import trapped
from gi_core.settings import parse_component
from gi_core.settings.servers import Imprint, Trap

ZOO = ("lenet:init=uniform", "convnet:width=8,depth=3", "resnet20", "mlp:hidden=32", "linear", "vit:depth=1,hidden=32")


def network(text: str, classes: int = 10, seed: int = 0):
    named = parse_component("model", f"{text}{',' if ':' in text else ':'}classes={classes},seed={seed}")
    return build(named, (3, 16, 16), classes)


@pytest.mark.parametrize("text", ZOO)
def test_nothing_is_noticed_of_a_fresh_network_and_the_class_of_one_that_fishes(text):
    model = network(text)
    assert not check(model)["suspicious"], check(model)
    if not bool(head(model)[1].weight.any()):  # a transformer's fresh head is zero, and nothing passes it
        torch.nn.init.normal_(head(model)[1].weight)
    found = check(fishing(model, 3, 25.0))
    assert found["suspicious"] and found["of_class"] == 3
    assert found["sentence"].startswith("this model asks for pictures of class 3: ")


def test_a_network_of_two_classes_that_fishes_is_noticed():
    assert check(fishing(network("lenet:init=uniform", 2), 1, 25.0))["of_class"] == 1


def test_small_rows_in_place_of_zeros_are_noticed_less_the_larger_they_are():
    plain = network("convnet:width=8,depth=3")
    scores = [check(fishing(plain, 3, 2.0, softness))["score"] for softness in (1e-3, 1e-2, 0.5)]
    assert scores[0] > scores[1] > 1 > scores[2]


def test_repeated_rows_in_front_of_a_network_are_noticed():
    model = network("mlp:hidden=32")
    first = next(m for m in model.modules() if isinstance(m, torch.nn.Linear))
    with torch.no_grad():
        first.weight.copy_(first.weight[:1].expand_as(first.weight))
    found = check(model)
    assert found["suspicious"] and found["of_class"] is None and "single pictures" in found["sentence"]


def test_softened_bins_and_traps_are_noticed_until_little_of_them_is_left():
    plain, shape = network("mlp:hidden=64"), (3, 16, 16)
    normal = (0.0,) * 3, (1.0,) * 3
    for softness in (0.0, 0.1):
        assert check(imprinted(plain, Imprint(bins=16, softness=softness), shape, *normal))["suspicious"]
        assert check(trapped(plain, Trap(softness=softness), shape, *normal))["suspicious"]
    assert not check(trapped(plain, Trap(softness=1.0), shape, *normal))["suspicious"]


def test_rows_that_training_left_without_positive_weights_are_no_traps():
    model = network("mlp:hidden=64")
    first = next(m for m in model.modules() if isinstance(m, torch.nn.Linear))
    with torch.no_grad():
        first.weight[:20] = -first.weight[:20].abs()
    assert not check(model)["suspicious"]


def test_a_round_that_moved_the_last_layer_alone_is_noticed():
    model = network("convnet:width=8,depth=3")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    trained = copy.deepcopy(model)
    with torch.no_grad():
        for p in trained.parameters():
            p.add_(1e-3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0)))
    assert not check(trained, before)["suspicious"]
    with torch.no_grad():
        head(model)[1].weight.mul_(1.5)
    assert check(model, before)["noticed"][0]["check"] == "head_only"


def test_command_line_and_python_say_the_same(tmp_path, capsys):
    model = fishing(network("lenet:init=uniform"), 3, 25.0)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    asked = ["inspect-model", str(tmp_path / "model.pt"), "--model", "lenet:classes=10", "--input", "3x16x16"]
    assert main([*asked, "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["sentence"] == gi.inspect_model(model)["sentence"] and said["of_class"] == 3
    assert main(asked) == 3 and "class 3" in capsys.readouterr().out
    torch.save(network("lenet:init=uniform").state_dict(), tmp_path / "model.pt")
    assert main(asked) == 0
    assert main(["inspect-model", "nowhere.pt", "--model", "lenet"]) == 2
    with pytest.raises(gi.SpecError, match="torch.nn.Module"):
        gi.inspect_model("lenet")
    with pytest.raises(gi.SpecError, match="state dict"):
        gi.inspect_model(model, before=[1])


def test_an_audit_withholds_what_a_model_asks_for_before_any_attack(tmp_path, capsys):
    model = fishing(network("lenet:init=uniform"), 3, 25.0)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.save({k: torch.zeros_like(v) for k, v in model.named_parameters()}, tmp_path / "update.pt")
    asked = [
        "audit", "--checkpoint", str(tmp_path / "model.pt"), "--update", str(tmp_path / "update.pt"), "--reference", "bundled/chelsea",
        "--model", "lenet:classes=10", "--image-size", "16", "--threshold", "0.5", "--refuse-suspicious", "--json",
    ]  # fmt: skip
    assert main(asked) == 3
    assert json.loads(capsys.readouterr().out)["sentence"].startswith(
        "withheld, as this model asks for pictures of class 3"
    )


@pytest.mark.parametrize("text", ZOO)
def test_a_layer_of_bins_is_noticed_in_front_of_any_network(text):
    model = imprinted(network(text), Imprint(bins=4), (3, 16, 16), (0.0,) * 3, (1.0,) * 3)
    found = check(model)
    assert found["suspicious"] and found["of_class"] is None
    assert found["sentence"].startswith("this model asks for single pictures: ") and "of front." in found["sentence"]


def test_a_file_of_a_network_behind_bins_is_read_as_one(tmp_path, capsys):
    torch.save(
        imprinted(network("resnet20"), Imprint(), (3, 16, 16), (0.0,) * 3, (1.0,) * 3).state_dict(),
        tmp_path / "model.pt",
    )
    asked = {
        "received": str(tmp_path / "model.pt"),
        "model": {"kind": "resnet20", "classes": 10},
        "size": 16,
        "channels": 3,
    }
    assert answer(asked)["sentence"].startswith("this model asks for single pictures")
    assert (
        main(["inspect-model", str(tmp_path / "model.pt"), "--model", "resnet20:classes=10", "--input", "3x16x16"]) == 3
    )


def test_a_client_that_looks_sends_nothing_to_a_server_that_asks():
    asked = {
        "samples": ["bundled/faces:0", "bundled/faces:1"],
        "size": 8,
        "client": {"refuses": True},
        "server": {"kind": "imprint"},
        "attack": {"kind": "imprint"},
    }
    with pytest.raises(gi.SpecError, match="the client sends nothing, as this model asks for single pictures"):
        gi.run(asked, progress=False)
