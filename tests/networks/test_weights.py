"""Weights: from files, ImageNet's, trained here; and what is refused."""

from __future__ import annotations

import hashlib
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from gi_core import data, networks
from gi_core.common import paths
from gi_core.experiments import preparing
from gi_core.networks import imagenet, training
from gi_core.networks.warm_start import warm_start
from gi_core.settings import Experiment, SpecError
from gi_core.settings import networks as M

FACE = ("bundled/faces:0",)


def _prepare(**values):
    asked = Experiment.model_validate({"samples": FACE, **values})
    return preparing.prepare(asked, data.load(asked))


def _file(path) -> dict:
    return {"kind": "file", "path": str(path)}


def _state(**settings) -> dict[str, torch.Tensor]:
    return networks.build(M.LeNet(**settings), (1, 25, 25), 2).state_dict()


def _refusal(**values) -> str:
    with pytest.raises(SpecError) as refused:
        _prepare(**values)
    assert "\n" not in str(refused.value)
    return str(refused.value)


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
    model, info = _prepare(weights=_file(name))
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert info["parameters"] == sum(v.numel() for v in state.values()) and info["weights"].startswith("from ")


def test_weights_of_another_architecture_are_one_sentence(tmp_path):
    state = _state(layers=4)
    state.pop("conv1.bias")
    save_file(state, tmp_path / "w.safetensors")
    said = _refusal(weights=_file(tmp_path / "w.safetensors"))
    assert "another architecture" in said and "missing conv1.bias" in said and "conv4.weight" in said
    save_file(_state(width=10), tmp_path / "w.safetensors")
    assert "conv1.weight is 10x1x5x5 instead of 12x1x5x5" in _refusal(weights=_file(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_with_code_is_refused_unexecuted(tmp_path, new_format):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    torch.save({"conv1.weight": Code()}, tmp_path / "w.pt", _use_new_zipfile_serialization=new_format)
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(Code()))
    for name in ("w.pt", "bare.pt"):
        assert "refused without running" in _refusal(weights=_file(tmp_path / name))
    assert not (tmp_path / "executed").exists()


def test_a_whole_model_is_refused_too(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    assert "save model.state_dict()" in _refusal(weights=_file(tmp_path / "model.pt"))


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
        assert sentence in _refusal(weights=_file(tmp_path / name))
    assert "64 hexadecimal" in _refusal(weights=_file("upload:../x"))


def test_trained_weights_are_cached_with_their_accuracy(gi_home):
    asked = Experiment(
        samples=FACE,
        weights={"kind": "trained", "epochs": 2, "learning_rate": 3e-3},
        model={"kind": "lenet", "activation": "gelu"},
    )
    pictures, told = data.load(asked), []
    model, info = preparing.prepare(asked, pictures, lambda fraction, text: told.append((fraction, text)))
    assert 0.5 < info["accuracy"] <= 1 and info["training_pictures"] == 180 and "2 epochs on faces" in info["weights"]
    fractions = [f for f, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and "epoch 2 of 2" in told[-2][1]
    again, cached = preparing.prepare(asked, pictures, lambda *_: pytest.fail("trained twice"))
    assert cached == info and all(
        torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )
    (stored,) = (paths.home() / "weights").glob("*.safetensors")
    stored.write_bytes(b"torn")
    rebuilt, retrained = preparing.prepare(asked, pictures)  # the same again, from the start
    assert retrained == info and all(
        torch.equal(a, b) for a, b in zip(model.parameters(), rebuilt.parameters(), strict=True)
    )
    other = asked.model_copy(update={"normalise": "mnist"})
    assert preparing.prepare(other, data.load(other))[1]["weights"] == info["weights"]
    assert len(list((paths.home() / "weights").glob("*.safetensors"))) == 2


def test_an_interrupted_training_leaves_nothing(gi_home):
    asked = Experiment(samples=FACE, weights={"kind": "trained"})

    def stop(fraction: float, text: str) -> None:
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preparing.prepare(asked, data.load(asked), stop)
    assert not list(paths.home().rglob("*.safetensors"))


def test_batch_norm_learns_its_statistics(gi_home):
    model, info = _prepare(
        model={"kind": "convnet", "width": 4}, weights={"kind": "trained", "epochs": 3, "learning_rate": 3e-3}
    )
    assert not model.training and float(model.bn0.running_mean.abs().sum()) > 0 and info["accuracy"] > 0.5


def test_training_that_diverges_says_so(gi_home, monkeypatch):
    monkeypatch.setattr(
        training.F, "cross_entropy", lambda *_: torch.tensor(float("nan"), requires_grad=True) * _[0].sum()
    )
    assert "lower weights.learning_rate" in _refusal(weights={"kind": "trained", "epochs": 1})


def test_sigmoid_networks_start_where_they_can_learn():
    model = networks.build(M.LeNet(), (1, 25, 25), 2)
    pictures = torch.rand(64, 1, 25, 25)
    assert warm_start(model, pictures)
    z = model.conv1(pictures).transpose(0, 1).flatten(1)
    assert z.mean(1).abs().max() < 1e-3 and torch.allclose(z.std(1), torch.full((12,), 2.0), rtol=1e-3)
    assert not warm_start(networks.build(M.LeNet(activation="relu"), (1, 25, 25), 2), pictures)
    assert not warm_start(networks.build(M.ConvNet(width=2, activation="sigmoid"), (1, 25, 25), 2), pictures)


def test_rate_rises_and_falls():
    rates = [training.rate(step, 100, 0.5) for step in range(1, 101)]
    assert rates[9] == pytest.approx(0.5) == max(rates) and rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)


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
    assert "python -m gi_core fetch resnet18" in _refusal(**asked)
    state = _imagenet_file("resnet18")
    model, info = _prepare(**asked)
    assert torch.equal(model.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    assert (
        model.fc.out_features == 11
        and "fresh last layer of 11" in info["weights"]
        and "normalise=imagenet" in info["notices"][0]
    )
    whole, info = _prepare(**{**asked, "model": {"kind": "resnet18", "classes": 1000}, "normalise": "auto"})
    assert torch.equal(whole.fc.weight, state["fc.weight"]) and info["weights"] == "ImageNet's" and not info["notices"]
    assert "stem=imagenet" in _refusal(**{**asked, "model": {"kind": "resnet18", "stem": "cifar"}})
    assert "no ImageNet weights for LeNet" in _refusal(weights={"kind": "imagenet"})


def test_densenets_older_names_are_understood(gi_home):
    state = _imagenet_file("densenet121")
    model, _ = _prepare(
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
    assert sentence in _refusal(**values)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["gelu", "relu", "sigmoid"])
def test_lenet_learns_mnist_on_the_spot(gi_home, shared_data, activation):
    asked = Experiment(
        samples=(f"folder:{shared_data}/mnist_test:0000",),
        model={"kind": "lenet", "activation": activation},
        weights={
            "kind": "trained",
            "data": f"npz:{shared_data}/mnist_train_5000.npz",
            "epochs": 8,
            "learning_rate": 1e-2,
        },
    )
    assert preparing.prepare(asked, data.load(asked))[1]["accuracy"] > 0.95
