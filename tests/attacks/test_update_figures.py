"""What is claimed of real updates, met on real pictures (slow): local steps, batches, batch norm statistics."""

from __future__ import annotations

import pytest
import torch

from gi_core import data, metrics
from gi_core.attacks import make, stream
from gi_core.clients import play
from gi_core.experiments import preparing
from gi_core.settings import Experiment, build
from gi_core.settings.plan import Plan

pytestmark = pytest.mark.slow


def _psnr(asked: Experiment) -> float:
    """Mean PSNR, each picture matched to its own original."""
    torch.set_num_threads(1)
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    done = play(asked, model, pictures, "cpu")
    update, knowledge = done.update, done.knowledge
    attack = make(asked.attack, update, knowledge, plan=Plan(), device="cpu")
    *_, (state, _) = stream(attack, attack.init(asked.seed))
    images, labels = attack.answer(state)
    judged = metrics.evaluate(images.double().numpy(), pictures.images, pictures.labels, labels.numpy())
    return judged["metrics"]["psnr"]


def _asked(folder, indices, width: int, depth: int, client: dict, normalise: str = "cifar10", **attack) -> Experiment:
    settings = {"kind": "inverting_gradients", "iterations": 300, "total_variation": 1e-2, "labels": "known"}
    return build({
        "samples": [f"folder:{folder}/cifar10_test:{i:04d}" for i in indices], "normalise": normalise,
        "model": {"kind": "convnet", "width": width, "depth": depth}, "client": client, "attack": {**settings, **attack},
    })  # fmt: skip


def test_five_local_steps_cost_less_than_three_decibels(shared_data, gi_home):
    one, five = (
        _psnr(_asked(shared_data, [10], 16, 4, {"kind": "fedavg", "learning_rate": 1e-3, "epochs": n})) for n in (1, 5)
    )
    assert one > 18 and five > one - 3


def test_four_pictures_in_two_batches_come_back(shared_data, gi_home):
    client = {"kind": "fedavg", "learning_rate": 1e-3, "batch_size": 2}
    assert _psnr(_asked(shared_data, [10, 0, 1, 6], 48, 4, client, iterations=400)) >= 16


def test_statistics_decide_where_the_network_is_deep(shared_data, gi_home):
    found = [
        _psnr(
            _asked(
                shared_data, [10], 16, 4, {"batch_norm": "train", "statistics": statistics}, "none", learning_rate=0.03
            )
        )
        for statistics in ("withheld", "shared")
    ]
    assert found[1] > found[0] + 3


def test_a_shallow_network_in_train_mode_is_seen(shared_data, gi_home):
    client = {"kind": "fedavg", "batch_norm": "train", "statistics": "shared"}
    more = {"kind": "fl_gradient_inversion", "batch_norm_weight": 1.0, "total_variation": 3e-3, "iterations": 800}
    assert _psnr(_asked(shared_data, [10], 64, 2, client, "none", learning_rate=0.03, **more)) >= 20


def test_an_untrained_decoder_is_a_prior(shared_data, gi_home):
    """At equal iterations the deep image prior beats pixels under total variation on the same gradient."""
    pixels, decoder = (
        _psnr(_asked(shared_data, [10], 32, 4, {"kind": "fedsgd"}, iterations=200, **more))
        for more in ({}, {"parametrisation": "deep_image_prior", "total_variation": 1e-3})
    )
    assert decoder > pixels + 1
