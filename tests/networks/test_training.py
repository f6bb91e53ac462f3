"""Networks trained here: cached with their accuracy, never half, refused where training diverges."""

from __future__ import annotations

import pytest
import torch

from gi_core import data, networks
from gi_core.common import paths
from gi_core.experiments import preparing
from gi_core.networks import training
from gi_core.networks.warm_start import warm_start
from gi_core.settings import Experiment
from gi_core.settings import networks as M
from tests.networks.prepared import FACE, prepared, refusal


def test_trained_weights_are_cached_with_their_accuracy(gi_home):
    asked = Experiment(
        samples=FACE,
        weights={"kind": "trained", "epochs": 2, "learning_rate": 3e-3},
        model={"kind": "lenet", "activation": "gelu"},
    )
    pictures, reported = data.load(asked), []
    model, info = preparing.prepare(asked, pictures, lambda fraction, text: reported.append((fraction, text)))
    assert 0.5 < info["accuracy"] <= 1 and info["training_pictures"] == 180 and "2 epochs on faces" in info["weights"]
    fractions = [f for f, _ in reported]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and "epoch 2 of 2" in reported[-2][1]
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
    model, info = prepared(
        model={"kind": "convnet", "width": 4}, weights={"kind": "trained", "epochs": 3, "learning_rate": 3e-3}
    )
    assert not model.training and float(model.bn0.running_mean.abs().sum()) > 0 and info["accuracy"] > 0.5


def test_training_that_diverges_says_so(gi_home, monkeypatch):
    monkeypatch.setattr(
        training.F, "cross_entropy", lambda *_: torch.tensor(float("nan"), requires_grad=True) * _[0].sum()
    )
    assert "lower weights.learning_rate" in refusal(weights={"kind": "trained", "epochs": 1})


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
