"""Rows of the first dense layer that let few pictures through, so that what one of them holds is often of one picture alone.

Of the D weights of a row half are drawn, n_p = -|N(0, 1)| / sqrt(D), and the others are those with the sign turned, times a scale s < 1:

    w x = s sum |n_p| x_p' - sum |n_p| x_p < 0    for most pictures x in [0, 1], as pictures are alike in all places.

A unit behind ReLU that one picture of a batch switches on has dL/dw = dL/db x of that picture. s is set by public pictures. Boenisch et al.,
When the Curious Abandon Honesty, EuroS&P 2023.
"""

from __future__ import annotations

import copy
import math
from math import prod

import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.networks.imprint import Imprinted, public_for
from gi_core.settings.graph import Shape
from gi_core.settings.servers import Trap
from gi_core.settings.trap_checks import NO_ROWS

DRAW, SOFT = 22, 25
"""Seeds of the rows, and of what a softened server does to them."""
_SET = "gradient_inversion_traps"
HALVINGS = 30
ALIKE = 1e-3
"""Relative misfit up to which the positive weights of a row are its negative ones times a factor."""
MOSTLY = 0.9
"""Share of a layer's rows from which it is one of traps."""
FEWEST = 16
"""Least inputs of a layer that is looked at."""
EVEN, ROWS = 0.4, 32
"""Spread of the rows' sums below which they are of traps, of so many rows at least; of random rows it is 1, and training spreads them."""


def first_dense(model: nn.Module, values: int | None = None) -> tuple[str, nn.Linear] | None:
    """(path, layer) of the first layer with parameters, if it is dense with a bias; values: of a picture, all of which it reads."""
    if isinstance(model, Imprinted):
        return None
    layers = [(n, m) for n, m in model.named_modules() if next(m.parameters(recurse=False), None) is not None]
    if not layers or not isinstance(layers[0][1], nn.Linear) or layers[0][1].bias is None:
        return None
    name, layer = layers[0]
    return (name, layer) if values in (None, layer.in_features) else None


@torch.no_grad()
def trapped(
    model: nn.Module, settings: Trap, shape: Shape, mean: tuple[float, ...], std: tuple[float, ...]
) -> nn.Module:
    """A copy of the network with traps in its first layer; itself where they are there. Raises SpecError.

    shape (C, H, W): of the pictures. mean, std (C,): of the normalisation, which the rows undo: they act on pixels.
    """
    found = first_dense(model, prod(shape))
    if found is None:
        raise SpecError(NO_ROWS)
    if set_here(found[1]):
        return model
    model = copy.deepcopy(model)
    found = first_dense(model)
    assert found is not None
    layer, count = found[1], prod(shape)
    negative, positive = _drawn(layer.out_features, shape)
    public = torch.from_numpy(public_for(settings.public, shape)).double().flatten(1)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        through = ((public @ (middle * positive + negative).T) > 0).double().mean()
        low, high = (middle, high) if float(through) < settings.through else (low, middle)
    weight = low * positive + negative
    weight *= 1 + settings.softness * torch.randn(weight.shape, generator=_seeded(SOFT), dtype=torch.float64)
    spread, centre = (
        torch.tensor(v, dtype=torch.float64).view(-1, 1, 1).expand(shape).reshape(count) for v in (std, mean)
    )
    layer.weight.copy_(weight * spread)
    layer.bias.copy_(weight @ centre)
    layer.__dict__[_SET] = True
    return model


def set_here(layer: nn.Linear) -> bool:
    """Whether a server set traps in this layer: it knows it did, or the rows show it, as those of a file do."""
    return _SET in layer.__dict__ or traps(layer) >= MOSTLY or spread(layer) < EVEN


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _drawn(rows: int, shape: Shape) -> tuple[Tensor, Tensor]:
    """(negative weights, positive ones before they are scaled), (m, D) float64; each is zero where the other is not. A weight and
    its opposite stand in one channel, so that a normalisation keeps them alike.
    """
    draw = _seeded(DRAW)
    channels, half = shape[0], shape[1] * shape[2] // 2
    negative = torch.zeros(rows, channels, shape[1] * shape[2], dtype=torch.float64)
    positive = torch.zeros_like(negative)
    for row in range(rows):
        for channel in range(channels):
            places = torch.randperm(shape[1] * shape[2], generator=draw)
            values = torch.randn(half, generator=draw, dtype=torch.float64).abs() / prod(shape) ** 0.5
            negative[row, channel, places[:half]] = -values
            positive[row, channel, places[half : 2 * half]] = values
    return negative.flatten(1), positive.flatten(1)


@torch.no_grad()
def spread(layer: nn.Linear) -> float:
    """Standard deviation over the rows of sum_p w_p / |w|; infinite of too few rows or inputs.

    Traps share one sum, (s - 1) sum_p |n_p|, which the draws hardly move: what keeps most pictures out is the same in every row.
    """
    weight = layer.weight.double()
    if weight.shape[0] < ROWS or weight.shape[1] < FEWEST:
        return math.inf
    return float((weight.sum(1) / weight.norm(dim=1).clamp_min(1e-300)).std())


@torch.no_grad()
def traps(layer: nn.Linear) -> float:
    """Share of its rows whose positive weights are the negative ones times one factor, with the sign turned."""
    weight = layer.weight.double()
    if weight.shape[1] < FEWEST:
        return 0.0
    positive = weight.clamp(min=0).sort(1, descending=True).values
    negative = (-weight).clamp(min=0).sort(1, descending=True).values
    size = negative.square().sum(1)
    factor = (positive * negative).sum(1) / size.clamp_min(1e-300)
    apart = (positive - factor[:, None] * negative).norm(dim=1) / positive.norm(dim=1).clamp_min(1e-300)
    return float(((apart < ALIKE) & (size > 0) & positive.any(1)).double().mean())
