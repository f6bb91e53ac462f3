"""Weights from files and from ImageNet, and what is refused."""

from __future__ import annotations

import hashlib
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from gi_core import networks
from gi_core.common import paths
from gi_core.networks import imagenet
from gi_core.settings import networks as M
from tests.networks.prepared import prepared, refusal


def _file(path) -> dict:
    return {"kind": "file", "path": str(path)}


def _state(**settings) -> dict[str, torch.Tensor]:
    return networks.build(M.LeNet(**settings), (1, 25, 25), 2).state_dict()


@pytest.mark.parametrize("form", ["safetensors", "pt", "legacy", "wrapped", "parallel", "upload"])
def test_weights_from_a_file(gi_home, tmp_path, form):
    state, path = _state(seed=9), tmp_path / "weights"
    if form == "safetensors":
        save_file(state, path)
    elif form == "legacy":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif form == "wrapped":
        torch.save({"state_dict": state, "epoch": 3}, path)
    elif form == "parallel":
        torch.save({f"module.{k}": v for k, v in state.items()}, path)
    else:
        torch.save(state, path)
    name = str(path)
    if form == "upload":
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        (paths.home() / "uploads").mkdir()
        path.rename(paths.home() / "uploads" / digest)
        name = f"upload:{digest}"
    model, info = prepared(weights=_file(name))
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert info["parameters"] == sum(v.numel() for v in state.values()) and info["weights"].startswith("from ")


def test_weights_of_another_architecture_are_one_sentence(tmp_path):
    state = _state(layers=4)
    state.pop("conv1.bias")
    save_file(state, tmp_path / "w.safetensors")
    said = refusal(weights=_file(tmp_path / "w.safetensors"))
    assert "another architecture" in said and "missing conv1.bias" in said and "conv4.weight" in said
    save_file(_state(width=10), tmp_path / "w.safetensors")
    assert "conv1.weight is 10x1x5x5 instead of 12x1x5x5" in refusal(weights=_file(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_with_code_is_refused_unexecuted(tmp_path, new_format):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    torch.save({"conv1.weight": Code()}, tmp_path / "w.pt", _use_new_zipfile_serialization=new_format)
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(Code()))
    for name in ("w.pt", "bare.pt"):
        assert "refused without running" in refusal(weights=_file(tmp_path / name))
    assert not (tmp_path / "executed").exists()


def test_a_whole_model_is_refused_too(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    assert "save model.state_dict()" in refusal(weights=_file(tmp_path / "model.pt"))


def test_files_that_are_no_weights(gi_home, tmp_path):
    (tmp_path / "words.pt").write_text("hello")
    (tmp_path / "cut.safetensors").write_bytes((5).to_bytes(8, "little") + b"{abcdefgh")
    torch.save([1, 2], tmp_path / "list.pt")
    nan = _state()
    nan["fc.bias"][0] = float("nan")
    save_file(nan, tmp_path / "nan.safetensors")
    for name, sentence in (
        ("words.pt", "no weights file"),
        ("cut.safetensors", "damaged safetensors"),
        ("list.pt", "no state dict"),
        ("nan.safetensors", "not finite"),
        ("none.pt", "No such file"),
    ):
        assert sentence in refusal(weights=_file(tmp_path / name))
    assert "64 hexadecimal" in refusal(weights=_file("upload:../x"))


def _imagenet_file(kind: str) -> dict[str, torch.Tensor]:
    state = networks.build(
        {"resnet18": M.ResNet18, "densenet121": M.DenseNet121}[kind](seed=4), (3, 32, 32), 1000
    ).state_dict()
    imagenet.path_of(kind).parent.mkdir(parents=True, exist_ok=True)
    old = {
        k.replace("norm1.", "norm.1.").replace("conv1.", "conv.1.") if "denselayer" in k else k: v
        for k, v in state.items()
    }
    torch.save(old, imagenet.path_of(kind))
    return state


def test_imagenet_weights_with_and_without_their_last_layer(gi_home):
    asked = {
        "samples": ("bundled/coffee",),
        "size": 32,
        "model": {"kind": "resnet18"},
        "weights": {"kind": "imagenet"},
    }
    assert "python -m gi_core fetch resnet18" in refusal(**asked)
    state = _imagenet_file("resnet18")
    model, info = prepared(**asked)
    assert torch.equal(model.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    assert (
        model.fc.out_features == 11
        and "fresh last layer of 11" in info["weights"]
        and "normalise=imagenet" in info["notices"][0]
    )
    whole, info = prepared(**{**asked, "model": {"kind": "resnet18", "classes": 1000}, "normalise": "auto"})
    assert torch.equal(whole.fc.weight, state["fc.weight"]) and info["weights"] == "ImageNet's" and not info["notices"]
    assert "stem=imagenet" in refusal(**{**asked, "model": {"kind": "resnet18", "stem": "cifar"}})
    assert "no ImageNet weights for LeNet" in refusal(weights={"kind": "imagenet"})


def test_densenets_older_names_are_understood(gi_home):
    state = _imagenet_file("densenet121")
    model, _ = prepared(
        samples=("bundled/coffee",), size=32, model={"kind": "densenet121"}, weights={"kind": "imagenet"}
    )
    key = "features.denseblock1.denselayer1.norm1.weight"
    assert torch.equal(model.state_dict()[key], state[key])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": {"kind": "resnet18"}}, "takes colour pictures, this one is grey: set channels to 3"),
        ({"model": {"kind": "resnet18"}, "channels": 3}, "at least 32 pixels"),
        (
            {"model": {"kind": "resnet18"}, "channels": 3, "size": 32, "client": {"batch_norm": "train"}},
            "one value per channel",
        ),
        ({"weights": {"kind": "trained", "data": "npz:none.npz"}}, "there is no file"),
        ({"weights": {"kind": "trained", "data": "bundled"}}, "set model.classes=11"),
        ({"weights": {"kind": "trained", "data": "mnist"}}, "python -m gi_core fetch mnist"),
    ],
)
def test_refused_in_one_sentence(gi_home, values, sentence):
    assert sentence in refusal(**values)
