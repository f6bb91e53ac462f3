"""How weights are drawn: the published convention.

Seed all generators, construct (torch's default, in layer order), then redraw each module's weight
and bias in module order. torch's own generator is the only one that construction draws from; it
is seeded inside a fork, so the caller's random state is untouched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from gi_core.settings.networks import Init


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch's CPU generator seeded with `seed`, put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@torch.no_grad()
def redraw(model: nn.Module, init: Init) -> None:
    """Redraw weights and biases, module by module, in place; `default` changes nothing.

    uniform: W, b ~ U(-1/2, 1/2), normalisation layers included (DLG). normal: W, b ~ N(0, 1/4).
    kaiming: W ~ kaiming uniform at gain 1; xavier: W ~ Glorot uniform; with both b ~ U(-1/2, 1/2)
    (definitions of the inversion influence function's experiments). The last three leave
    normalisation layers at weight 1 and bias 0.
    """
    if init == "default":
        return
    for module in model.modules():
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if not isinstance(weight, nn.Parameter):
            continue
        if init == "uniform":
            weight.uniform_(-0.5, 0.5)
        elif weight.dim() < 2:
            continue
        elif init == "normal":
            weight.normal_(0.0, 0.5)
        elif init == "kaiming":
            nn.init.kaiming_uniform_(weight, nonlinearity="sigmoid")
        else:
            nn.init.xavier_uniform_(weight)
        if isinstance(bias, nn.Parameter):
            bias.normal_(0.0, 0.5) if init == "normal" else bias.uniform_(-0.5, 0.5)


@torch.no_grad()
def kaiming_fan_out(model: nn.Module) -> None:
    """He et al.'s draw for residual networks: convolutions N(0, 2 / fan_out), in module order."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
