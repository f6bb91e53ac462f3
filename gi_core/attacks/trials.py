"""Starts: each trial draws from its own generator, seeded by (seed, trial, attempt), on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.priors import Pixels


def start(kind: str, shape: tuple[int, ...], draw: torch.Generator, pixels: Pixels) -> Tensor:
    """One start (N, C, H, W) in the network's space, on the CPU.

    randn N(0,1), rand U(-1,1), zeros: in normalised space, as published. uniform U(0,1), grey 1/2: in pixels.
    """
    if kind == "randn":
        return torch.randn(shape, generator=draw)
    if kind == "rand":
        return torch.rand(shape, generator=draw) * 2 - 1
    if kind == "zeros":
        return torch.zeros(shape)
    if kind == "uniform":
        return pixels.encode(torch.rand(shape, generator=draw))
    return pixels.encode(torch.full(shape, 0.5) + 1e-3 * torch.randn(shape, generator=draw))
