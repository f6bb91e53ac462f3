"""What single precision takes from a gradient: g32 - g64.

The rounding of a backward pass is not independent noise on each value: a rounded activation moves every value that it went into. So
it is taken as it is: of the gradient that was sent, or, by who has only an answer, of gradients at pictures a rounding away. What that
takes from the picture is in `numerics.rounded_fit`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gi_core.networks.losses import loss_of
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import Played
from gi_core.numerics.picture_jacobian import Sample
from gi_core.settings.plan import Plan

ROUNDED = 2.0**-24
"""Relative error of a value in single precision."""
DRAWS, AWAY = 8, 1e-6
"""Gradients that are compared, and how far from the picture they are taken: far enough for other roundings, and for nothing else."""


def differences(sample: Sample) -> list[list[Tensor]]:
    """g32 - g64 of one gradient, one tensor per parameter, at `DRAWS` pictures about that of the sample."""
    knowledge, x = sample.knowledge, sample.products.x.detach()
    single = GradientMap(knowledge, loss_of(knowledge.loss, knowledge.terms), Plan(), torch.float32, x.device)
    return drawn(single, sample.gradient, x, sample.target)


def drawn(
    single: GradientMap, exact: Played, x: Tensor, target: Tensor, only: Sequence[int] | None = None
) -> list[list[Tensor]]:
    """The same of a gradient in both precisions at x (N, C, H, W) and target (N, K), of the parameters `only` if given."""
    draws, found = generator(0, 4), []
    for _ in range(DRAWS):
        near = x + AWAY * torch.randn(x.shape, generator=draws, dtype=torch.float64).to(x)
        near = near.float().to(x)  # as the client has it
        double = exact(near[None], target[None], only)
        rounded = single(near.float()[None], target.float()[None], only, graph=False)
        found.append([(r[0].to(e) - e[0]).detach() for r, e in zip(rounded, double, strict=True)])
    return found


def spreads(values: Sequence[Tensor], differences: Sequence[Sequence[Tensor]]) -> list[float]:
    """Root mean square of what single precision takes from each tensor, at least the rounding of its values; zero of zeros."""
    taken = (torch.stack(d) for d in zip(*differences, strict=True))
    sizes = [float(g.norm()) / g.numel() ** 0.5 for g in values]
    return [max(s * ROUNDED, float(d.square().mean().sqrt())) if s else 0.0 for s, d in zip(sizes, taken, strict=True)]
