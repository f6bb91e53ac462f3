"""What single precision takes from a gradient, and so from the picture that is worked out from it: B^+ D J (g32 - g64).

The rounding of a backward pass is not independent noise on each value: a rounded activation moves every value that it went into. So
it is taken as it is: of the gradient that was sent, or, by who has only an answer, of gradients at pictures a rounding away.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.networks.losses import loss_of
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.spectrum import Array
from gi_core.settings.plan import Plan

ROUNDED = 2.0**-24
"""Relative error of a value in single precision."""
DRAWS, AWAY = 8, 1e-6
"""Gradients that are compared, and how far from the picture they are taken: far enough for other roundings, and for nothing else."""


def differences(sample: Sample) -> list[list[Tensor]]:
    """g32 - g64 of one gradient, one tensor per parameter, at `DRAWS` pictures about that of the sample."""
    knowledge, cpu = sample.knowledge, sample.products.x.device
    single = GradientMap(knowledge, loss_of(knowledge.loss, knowledge.terms), Plan(), torch.float32, cpu)
    draws, x = generator(0, 4), sample.products.x.detach()
    found = []
    for _ in range(DRAWS):
        near = x + AWAY * torch.randn(x.shape, generator=draws, dtype=torch.float64).to(x)
        near = near.float().to(x)  # as the client has it
        exact = sample.gradient(near[None], sample.target[None])
        rounded = single(near.float()[None], sample.target.float()[None], graph=False)
        found.append([(r[0].to(e) - e[0]).detach() for r, e in zip(rounded, exact, strict=True)])
    return found


def along(values: Array, vectors: Array, pulled: Array) -> Array:
    """B^+ pulled (d, n) on each eigenvector: values (d,) above zero, vectors (d, d), pulled (d, n)."""
    moved: Array = (vectors.T @ pulled) / values[:, None]
    return moved
