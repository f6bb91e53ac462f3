"""A layer of bins in front of any network, by which a server has single pictures sent to it.

    r_j = relu(w x - t_j),    x' = x + s sum_j r_j,    z = network(x')

Every row of the first layer is the same measurement w, its biases -t_j are ordered, and all weights of the second layer are s. So
dL/dr_j is the same for every unit j that a picture switches on, and what row j has more than row j + 1 is of the pictures with
t_j < w x < t_{j+1} alone. Fowl et al., Robbing the Fed, ICLR 2022; w here is a random direction, along which pictures of any kind
are spread nearly normally.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import prod
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.data.public import public_pictures
from gi_core.networks.prepared import facts, remember
from gi_core.settings.graph import Shape
from gi_core.settings.servers import Imprint, Server

FRONT, BODY = "front", "body"
PUBLIC = 200
"""Public pictures whose measurements are looked at."""
DIRECTION, DRAW, SOFT = 20, 21, 24
"""Seeds of the measurement, of the public pictures, and of what a softened server adds."""
SLOPE = 0.01
"""What one standard deviation of the measurement is in the first layer: as small as a learning step may leave in order, and large
enough to change much where weights, not gradients, are sent."""
SHIFT = 0.1
"""How far the second layer moves a picture for each standard deviation, at most, in the network's units: little enough that it works."""
BELOW = -8.0
"""Standard deviations at which the first bin begins."""


class Bins(nn.Module):
    """x (N, C, H, W) -> x + s sum_j relu(w x - t_j), by two dense layers."""

    def __init__(self, values: int, count: int):
        super().__init__()
        self.measure, self.back = nn.Linear(values, count), nn.Linear(count, values, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        shown = self.back(torch.relu(self.measure(x.flatten(1))))
        return x + shown.view(x.shape)

    @property
    def thresholds(self) -> Tensor:
        """t (k,) float64, ascending, in units of the measurement."""
        return -self.measure.bias.detach().cpu().double()


class Imprinted(nn.Module):
    """The network as clients get it: the bins, then the network itself, whose parameters still come last."""

    def __init__(self, front: Bins, body: nn.Module):
        super().__init__()
        self.front, self.body = front, body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.front(x))


def bins_of(model: nn.Module) -> Bins | None:
    """The layer of bins in front of a network; None where there is none."""
    return model.front if isinstance(model, Imprinted) else None


def imprinted(
    model: nn.Module, settings: Imprint, shape: Shape, mean: tuple[float, ...], std: tuple[float, ...]
) -> nn.Module:
    """The network behind bins that are equally likely for pictures like public ones; itself where it stands behind some already.

    shape (C, H, W): of the pictures. mean, std (C,): of the normalisation.
    """
    if bins_of(model) is not None:
        return model
    direction = _direction(shape)
    middle, spread = _measured(settings.public, shape, mean, std)
    usual = NormalDist()
    at = [BELOW, *(usual.inv_cdf(j / settings.bins) for j in range(1, settings.bins))]
    parameter = next(model.parameters())
    front = _fresh(shape, settings)
    with torch.no_grad():
        front.measure.weight.copy_((SLOPE / spread * direction).expand_as(front.measure.weight))
        front.measure.bias.copy_(-SLOPE * (torch.tensor(at, dtype=torch.float64) + middle / spread))
        front.back.weight.fill_(SHIFT / (SLOPE * settings.bins))
        _soften(front, settings.softness)
    whole = Imprinted(front.to(parameter), model).train(model.training)
    known = facts(model)
    if known is not None:
        last = None if known.last is None else f"{BODY}.{known.last}"
        remember(whole, replace(known, frozen=tuple(f"{BODY}.{n}" for n in known.frozen), last=last))
    return whole


def _soften(front: Bins, softness: float) -> None:
    """Add a random part of that share to each row of both layers, so that rows no longer repeat."""
    draw = torch.Generator().manual_seed(SOFT)
    for weight in (front.measure.weight, front.back.weight):
        noise = torch.randn(weight.shape, generator=draw, dtype=torch.float64)
        weight += softness * weight.norm(dim=1, keepdim=True) * noise / noise.norm(dim=1, keepdim=True)


def named_as_sent(model: nn.Module, server: Server, shape: Shape) -> nn.Module:
    """A module with the names and shapes of what clients of this server train; `model` itself where the server puts nothing there."""
    return Imprinted(_fresh(shape, server), model) if isinstance(server, Imprint) else model


def as_received(model: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> nn.Module:
    """The network with a layer of bins in front of it where the tensors of a file, by name, have one."""
    measure = shapes.get(f"{FRONT}.measure.weight", ())
    return Imprinted(Bins(measure[1], measure[0]), model) if len(measure) == 2 else model


def _fresh(shape: Shape, settings: Imprint) -> Bins:
    """Two layers whose weights are still to be set; the caller's random state stays."""
    with torch.random.fork_rng(devices=[]):
        return Bins(prod(shape), settings.bins)


def _direction(shape: Shape) -> Tensor:
    """w (D,) float64 of length one."""
    drawn = torch.randn(prod(shape), generator=torch.Generator().manual_seed(DIRECTION), dtype=torch.float64)
    return drawn / drawn.norm()


@lru_cache(maxsize=32)
def _measured(pool: str, shape: Shape, mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[float, float]:
    """(mean, standard deviation) of w x over public pictures, normalised as the network has them."""
    x = (torch.from_numpy(public_for(pool, shape)).double() - _column(mean)) / _column(std)
    measured = x.flatten(1) @ _direction(shape)
    return float(measured.mean()), float(measured.std())


@lru_cache(maxsize=8)
def public_for(pool: str, shape: Shape) -> np.ndarray:
    """Public pictures (PUBLIC, C, H, W) in [0, 1], of which a server learns how pictures are spread."""
    channels, height, width = shape
    none = np.zeros((0, *shape), np.float32)
    return public_pictures(pool, PUBLIC, (height, width), channels, none, np.random.default_rng(DRAW))


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)
