"""Published and measured results, met on real pictures (slow; the full sets are in the README's figures).

Each case plays the client as the published experiment does: a network seed per picture, raw [0, 1]
pixels, one picture, float32 gradients.
"""

from __future__ import annotations

import pytest
import torch

from gi_core import clients, data
from gi_core.attacks import make, stream
from gi_core.attacks.plan import measure
from gi_core.experiments import preparing
from gi_core.metrics import quick
from gi_core.settings import Experiment, build

pytestmark = pytest.mark.slow


def _solve(asked: Experiment) -> tuple[float, float, list[int], list[int]]:
    """(MSE after clamping, the attacker's own score, labels recovered, labels true)."""
    torch.set_num_threads(1)
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, model, pictures, "cpu")
    update, knowledge = done.update, done.knowledge
    attack = make(
        asked.attack,
        update,
        knowledge,
        plan=measure(update, knowledge, asked.attack, torch.device("cpu")),
        device="cpu",
    )
    *_, (state, step) = stream(attack, attack.init(asked.seed))
    images, labels = attack.answer(state)
    error = float(((images.double().clamp(0, 1) - torch.from_numpy(pictures.images)) ** 2).mean())
    return error, float(step.score.min()), labels.tolist(), pictures.labels.tolist()


def _asked(folder, dataset: str, index: int, model: dict, attack: dict, **more) -> Experiment:
    sample = f"folder:{folder}/{dataset}_test:{index:04d}"
    return build({"samples": [sample], "model": {"kind": "lenet", **model}, "attack": attack, "seed": index, **more})


@pytest.mark.parametrize(("kind", "least"), [("dlg", 10), ("idlg", 9)])
def test_dlg_and_idlg_on_mnist(shared_data, gi_home, kind, least):
    results = [
        _solve(_asked(shared_data, "mnist", i, {"init": "uniform", "seed": 1000 + i}, {"kind": kind}))
        for i in range(10)
    ]
    assert sum(error < 1e-3 for error, *_ in results) >= least
    if kind == "idlg":
        assert all(found == true for *_, found, true in results)


def test_levenberg_marquardt_where_dlg_gets_none(shared_data, gi_home):
    attack = {"kind": "levenberg_marquardt"}
    mnist = [_solve(_asked(shared_data, "mnist", i, {"seed": i}, attack)) for i in range(10)]
    cifar = [_solve(_asked(shared_data, "cifar10", i, {"seed": i}, attack)) for i in range(3)]
    assert all(error < 1e-4 and score < 1e-6 and found == true for error, score, found, true in mnist + cifar)
    dlg = [
        _solve(_asked(shared_data, "mnist", i, {"seed": i}, {"kind": "dlg", "trials": 1, "iterations": 30}))
        for i in range(3)
    ]
    assert not any(error < 1e-4 for error, *_ in dlg)


def test_levenberg_marquardt_on_a_trained_gelu_network(shared_data, gi_home):
    weights = {"kind": "trained", "data": f"npz:{shared_data}/mnist_train_5000.npz", "epochs": 10}
    model = {"activation": "gelu", "seed": 1}
    asked = [_asked(shared_data, "mnist", i, model, {"kind": "levenberg_marquardt"}, weights=weights) for i in range(5)]
    _, info = preparing.prepare(asked[0], data.load(asked[0]))
    assert info["accuracy"] > 0.95
    assert sum(_solve(a)[0] < 1e-4 for a in asked) >= 4


def test_inverting_gradients_on_an_untrained_convnet(shared_data, gi_home):
    asked = build({
        "samples": [f"folder:{shared_data}/cifar10_test:0010"], "model": {"kind": "convnet"},
        "attack": {"kind": "inverting_gradients", "iterations": 300, "total_variation": 1e-2, "labels": "known"},
    })  # fmt: skip
    error, *_ = _solve(asked)
    assert -10 * torch.log10(torch.tensor(error)) >= 22.0


def test_quick_metrics_agree_with_the_error(shared_data, gi_home):
    pictures = data.load(_asked(shared_data, "mnist", 0, {}, {"kind": "dlg"}))
    psnr, ssim = quick(pictures.images + 0.1, pictures.images)
    assert psnr > 15 and 0 < ssim <= 1
