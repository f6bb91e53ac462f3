"""Residual recovery with batch norm in train mode: its layers against torch, its closed forms, and runs from end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.residual import centred, quadratic, train_top
from gi_core.attacks.recursion.residual.quadratic import Read
from gi_core.attacks.recursion.residual.train_layer import TrainLayer
from gi_core.settings import SpecError, problems
from gi_core.settings.chain import Affine
from gi_core.settings.graph import Conv
from tests.attacks.test_residual_runs import QUICK, refused_or_said, small
from tests.experiments.test_recorded import SHARED, about, record, run
from tests.recovery import ask, recover

TRAIN = {"kind": "fedsgd", "batch_norm": "train", "statistics": "shared"}


def layer_of(x: torch.Tensor, e: torch.Tensor, op: Conv, seed: int = 0) -> TrainLayer:
    """A convolution and batch norm in train mode, drawn, with torch's own gradient where dL/d(output) is e."""
    torch.manual_seed(seed)
    conv = nn.Conv2d(op.channels_in, op.channels, op.kernel, op.stride, op.padding, bias=False).double()
    norm = nn.BatchNorm2d(op.channels).double().train()
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias)
    y = conv(x[None])
    norm(y).backward(e[None])
    mean, var = y.detach().mean((0, 2, 3)), y.detach().var((0, 2, 3), correction=0)
    gamma = norm.weight.detach()
    scale = gamma / (var + norm.eps).sqrt()
    weight, gradient = conv.weight.detach() * scale[:, None, None, None], conv.weight.grad / scale[:, None, None, None]
    affine = Affine("c", op, tuple(x.shape), tuple(e.shape), tuple(x.shape))
    spread, slope = gamma * (var / (var + norm.eps)).sqrt(), norm.weight.grad / gamma / e[0].numel()
    numbers = (weight, gradient, scale * mean, spread, slope, gamma**2)
    return TrainLayer.of(affine, *(t.numpy() for t in numbers))


def drawn_layer(filters: int, side: int, stride: int, channels: int = 5):
    op = Conv(channels, filters, 3, stride, 1, False)
    draw = torch.Generator().manual_seed(7)
    x = torch.randn(channels, side, side, dtype=torch.float64, generator=draw).clamp_min(0)
    out = (filters, -(-side // stride), -(-side // stride))
    e = torch.randn(out, dtype=torch.float64, generator=draw)
    e = e * (torch.rand(out, generator=draw) < 0.6)
    return x, e.flatten(1), layer_of(x, e, op)


def relative(found, true) -> float:
    return float(np.linalg.norm(np.asarray(found) - np.asarray(true)) / np.linalg.norm(np.asarray(true)))


@pytest.mark.parametrize("stride", [1, 2])
def test_the_equations_of_a_layer_are_torchs_gradient(stride):
    x, e, layer = drawn_layer(12, 6, stride)
    here = Read(layer, e).at(x)
    assert float(here.residual.abs().max()) < 1e-12
    assert float(here.k.sum(1).abs().max()) < 1e-12


@pytest.mark.parametrize("stride", [1, 2])
def test_a_layer_of_few_positions_is_solved_in_closed_form(stride):
    """Of nine positions at stride 2 a constant on every other pixel is left, which the means of W x give."""
    x, e, layer = drawn_layer(40, 3 * stride, stride)
    assert centred.enough(layer) and relative(centred.solve(layer, e.numpy(), []), x) < 1e-11


def test_the_share_along_the_output_follows_from_what_is_found():
    """c of a weight change is rounded as gamma is; sum_p e (W x - mean) / (P gamma^2) is c again."""
    x, e, layer = drawn_layer(16, 8, 1)
    rounded = replace(layer, slope=layer.slope * 1.001)
    torch.testing.assert_close(rounded.told(e, x).slope, layer.slope, rtol=1e-9, atol=1e-12)


def test_a_layer_of_many_positions_is_solved_by_levenberg_marquardt():
    x, e, layer = drawn_layer(16, 8, 1)
    assert not centred.enough(layer)
    near = x + 0.1 * torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = quadratic.solve([Read(layer, e)], near)
    assert relative(found.x, x) < 1e-9 and found.misfit < 1e-10


def test_the_jacobian_of_a_layer_has_its_transpose():
    x, e, layer = drawn_layer(12, 6, 2)
    read, draw = Read(layer, e), torch.Generator().manual_seed(2)
    here = read.at(x + 0.3)
    v = torch.randn(x.shape, dtype=torch.float64, generator=draw)
    r = torch.randn(here.residual.shape, dtype=torch.float64, generator=draw)
    step = (read.at(x + 0.3 + 1e-6 * v).residual - read.at(x + 0.3 - 1e-6 * v).residual) / 2e-6
    torch.testing.assert_close(read.forward(v, here), step, rtol=1e-6, atol=1e-7)
    assert float(read.forward(v, here) @ r) == pytest.approx(float((v * read.backward(r, here)).sum()), rel=1e-10)


@pytest.mark.parametrize("side", [(2, 2), (3, 2), (4, 4)])
def test_the_top_mask_is_found_with_its_order(side):
    draw = torch.Generator().manual_seed(3)
    op = Conv(24, 60, 3, 1, 1, False)
    a = torch.randn(24, *side, dtype=torch.float64, generator=draw).clamp_min(0)
    active = torch.rand(60, *side, generator=draw) < 0.6
    means = torch.randn(60, dtype=torch.float64, generator=draw)
    layer = layer_of(a, active * means[:, None, None], op)
    sums = means * active.sum((1, 2))
    found, inner = train_top.mask(layer, means.numpy(), sums.numpy(), side)
    np.testing.assert_array_equal(found, active.numpy())
    assert relative(inner, a) < 1e-9
    noised = layer.gradient + torch.randn(layer.gradient.shape, dtype=torch.float64, generator=draw)
    with pytest.raises(Refused, match="cannot be told from this update"):
        train_top.mask(
            replace(layer, gradient=noised),
            means.numpy(), sums.numpy(), side,
        )  # fmt: skip


def test_a_network_in_train_mode_is_solved_from_its_gradient_and_statistics():
    found = recover(ask(small(), QUICK, size=12, client=TRAIN))
    assert [layer.name for layer in found.layers] == ["layer4", "layer3", "layer2"]
    assert all(layer.residual < 1e-3 for layer in found.layers)
    assert found.psnr[0] > 60 and found.labels == found.labels_true
    assert "every block was exact" in found.step.note and "up to rounding" in found.step.note


@pytest.mark.parametrize("rate", [0.1, 0.01])
def test_one_step_of_training_in_train_mode_is_the_gradient(rate):
    client = {**TRAIN, "kind": "fedavg", "epochs": 1, "learning_rate": rate, "weight_decay": 1e-3}
    found = recover(ask(small(), QUICK, size=12, client=client))
    assert found.psnr[0] > 60 and "every block was exact" in found.step.note


@pytest.mark.parametrize("std", [1e-3, 1.0])
def test_noise_in_train_mode_is_refused_or_said(std):
    refused_or_said(ask(small(), QUICK, size=12, client=TRAIN, defenses=[{"kind": "gaussian_noise", "std": std}]))


def test_a_recorded_round_of_three_files_gives_its_picture(gi_home, tmp_path):
    client = {**SHARED, "learning_rate": 0.1}
    files, private = record(
        tmp_path / "f", {"samples": ["bundled/astronaut"], "channels": 3, "model": small(), "client": client}
    )
    known = {"channels": 3, "model": {**small(), "classes": 11}, "client": client, "attack": QUICK}
    asked = about(files, **known)
    document, sink = run(asked, tmp_path / "run")
    found = np.load(sink.folder / "reconstruction.npz")["images"]
    assert document["status"] == "done" and np.abs(found - private.images).max() < 1e-3
    without = about(files, **{**known, "client": {**client, "statistics": "withheld"}})
    with pytest.raises(SpecError, match="its statistics are not shared"):
        run(without, tmp_path / "without")


def test_statistics_that_are_not_shared_are_asked_for():
    asked = ask(small(), QUICK, size=12, client={"kind": "fedsgd", "batch_norm": "train"})
    assert any("its statistics are not shared" in p.reason for p in problems(asked) if p.fatal)
    with pytest.raises(Refused, match="client.statistics=shared"):
        recover(asked)
