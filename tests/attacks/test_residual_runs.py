"""Residual recovery from end to end: exact where the equations suffice, searched where they end, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from gi_core.attacks import make
from gi_core.attacks.base import Refused
from gi_core.settings import problems
from tests.recovery import PLAN, ask, conv, drawn, open_attack, recover

QUICK = {"kind": "residual", "annealing": 30}


def residual(channels: int, stride: int = 1):
    return {"kind": "residual", "channels": channels, "stride": stride, "activation": "relu", "batch_norm": True}


def small(*pooling, width: int = 24, seed: int = 0):
    """A stem of so many channels, an identity and two projection blocks: 9 positions at 12 pixels."""
    stem = conv(width, activation="relu", batch_norm=True, bias=False)
    return drawn(
        stem, *pooling, residual(width), residual(2 * width, 2), residual(3 * width, 2), {"kind": "global_average"},
        seed=seed,
    )  # fmt: skip


def test_a_drawn_residual_network_is_solved_exactly_and_without_the_label():
    found = recover(ask(small(), QUICK, size=12))
    assert [layer.name for layer in found.layers] == ["layer4", "layer3", "layer2"]
    assert all(layer.deficiency == 0 and layer.residual < 1e-5 for layer in found.layers)
    assert found.psnr[0] > 100 and found.labels == found.labels_true
    assert "every block was exact" in found.step.note and "up to rounding" in found.step.note


def test_checkpoints_change_nothing():
    asked = ask(small(), QUICK, size=12)
    once, saved = recover(asked), recover(asked, saved=True)
    assert torch.equal(once.attack.answer(once.state)[0], saved.attack.answer(saved.state)[0])


def test_a_max_pooled_stem_is_annealed():
    pool = {"kind": "max_pool", "size": 2, "stride": 2}
    attack = {"kind": "residual", "annealing": 60}
    found = recover(ask(small(pool, width=32), attack, size=24))
    assert all(layer.deficiency == 0 for layer in found.layers)
    assert found.psnr[0] > 28, found.psnr


def test_where_the_equations_end_the_picture_is_searched_and_that_is_said():
    """12 filters of 3 x 3 give 108 equations of each channel's 256 values."""
    wide = drawn(
        conv(12, activation="relu", batch_norm=True, bias=False), residual(12), residual(24, 2), residual(48, 2),
        residual(64, 2), {"kind": "global_average"},
    )  # fmt: skip
    asked = ask(wide, QUICK, size=16)
    assert any("the equations determine the network down to" in p.reason for p in problems(asked))
    found = recover(asked)
    assert "stopped" in found.layers[-1].note and len(found.layers) < 4
    assert "blocks were exact" in found.step.note and found.psnr[0] > 15


def within(thing: object, seen: set[int]) -> list[torch.Tensor]:
    """Every tensor and array that can be reached from an object of the project."""
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, torch.nn.Module):
        return list(thing.state_dict().values())
    if isinstance(thing, torch.Tensor | np.ndarray):
        return [torch.as_tensor(thing)]
    inner = list(thing.values()) if isinstance(thing, Mapping) else []
    inner += list(thing) if isinstance(thing, list | tuple | set) else []
    inner += [getattr(thing, name, None) for name in getattr(thing, "__dict__", {})]
    return [t for part in inner for t in within(part, seen)]


def test_no_private_picture_is_within_its_reach():
    """Rules and choices can go by the attacker's misfit alone: nothing that the machine holds is the picture or its label."""
    attack, truth, _ = open_attack(ask(small(), QUICK, size=12))
    state = attack.init(0)
    held = [t.double().ravel() for t in [*within(attack, set()), *within(state, set())] if t.numel() == truth.numel()]
    normalised = (truth[0] - torch.tensor(attack.knowledge.mean).view(-1, 1, 1)) / torch.tensor(
        attack.knowledge.std
    ).view(-1, 1, 1)
    assert held, "the state holds the picture searched for, at its start"
    for picture in (truth.ravel(), normalised.ravel()):
        assert min(float((t - picture).abs().mean()) for t in held) > 0.05
    assert attack.knowledge.labels is None


def test_the_gradient_of_the_answer_is_the_update():
    found = recover(ask(small(), QUICK, size=12))
    assert max(found.attack.residual(found.state).values()) < 1e-2


def refused_or_said(asked):
    try:
        found = recover(asked)
    except Refused as refusal:
        assert "cannot be told from this update" in str(refusal)
        return
    assert "every block was exact" not in found.step.note


@pytest.mark.parametrize("std", [1e-2, 1.0])
def test_noise_is_refused_or_said(std):
    refused_or_said(ask(small(), QUICK, size=12, defenses=[{"kind": "gaussian_noise", "std": std}]))


def test_one_step_of_training_is_the_gradient_weight_decay_undone():
    client = {"kind": "fedavg", "epochs": 1, "learning_rate": 1.0, "weight_decay": 1e-3}
    found = recover(ask(small(), QUICK, size=12, client=client))
    assert all(layer.deficiency == 0 for layer in found.layers) and found.psnr[0] > 30


def test_a_withheld_layer_stops_it_before_it_runs():
    asked = ask(small(), QUICK, size=12)
    attack, _, _ = open_attack(asked)
    cut = replace(attack.update, withheld=("layer3_conv1.weight",))
    with pytest.raises(Refused, match="was not sent"):
        make(asked.attack, cut, attack.knowledge, plan=PLAN, device="cpu")


def test_labels_that_are_known_are_taken():
    asked = ask(small(), {**QUICK, "labels": "known"}, size=16, client={"kind": "fedsgd", "labels_known": True})
    found = recover(asked)
    assert found.labels == found.labels_true


@pytest.mark.slow
@pytest.mark.parametrize(("size", "least"), [(32, 50), (64, 32)])
def test_torchvisions_resnet18_is_solved_down_to_its_stem(size, least):
    found = recover(ask({"kind": "resnet18"}, "residual", size=size))
    assert [layer.name for layer in found.layers] == [
        f"layer{stage}.{block}" for stage in (4, 3, 2, 1) for block in (1, 0)
    ]
    assert all(layer.deficiency == 0 and layer.residual < 1e-5 and layer.condition < 100 for layer in found.layers)
    assert found.psnr[0] > least and found.labels == found.labels_true
