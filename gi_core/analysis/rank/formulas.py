"""Ranks of one layer's equations by formula, for weights and k = dL/dz in general position.

A layer z = W x + b gives weight constraints W x = z - b and gradient constraints K x = vec(dL/dW).
The channels of a convolution share one kernel matrix: K = I (x) K0, so rank K = channels * rank K0.
Both meet in k_f^T W_f' x = sum W_f' . dL/dW_f, which counts once. Zhu and Blaschko 2021 for the
idea; the formulas are this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

from gi_core.analysis.rank.stacking import stack
from gi_core.settings.graph import Conv, Dense, Shape


@dataclass(frozen=True)
class Ranks:
    """Equations about an input of `unknowns` values; padding is not counted among them.

    kernel_rank: of K0 with padded columns removed, summed over groups; pixels: its columns, likewise.
    overlap: dimensions that weight and gradient constraints share. rank: of both stacked. spare: equations of
    the layer below that are more than it needs and bind this one too. condition: where it was measured.
    """

    unknowns: int
    weight_constraints: int
    gradient_constraints: int
    padding: int
    rank_weight: int
    rank_gradient: int
    overlap: int
    rank: int
    kernel_rank: int | None = None
    pixels: int | None = None
    spare: int = 0
    condition: float | None = None

    @property
    def deficiency(self) -> int:
        return self.unknowns - self.rank


@lru_cache(maxsize=1024)
def convolution(op: Conv, input_shape: Shape, masked: bool = False) -> Ranks:
    """Ranks of a convolution. masked: only half of the outputs are known, and k is zero at the others (ReLU)."""
    _, height, width = input_shape
    channels, filters, groups = op.channels_in // op.groups, op.channels // op.groups, op.groups
    positions = prod(op.shape(input_shape)[1:])
    weight = filters * positions // 2 if masked else filters * positions
    found = stack(replace(op, bias=False), input_shape, masked)
    of_kernel, of_weight = channels * found.kernel, min(found.weight, weight)
    total = of_kernel + min(found.fresh, of_weight)
    return Ranks(
        unknowns=op.channels_in * height * width,
        weight_constraints=groups * weight,
        gradient_constraints=op.channels * channels * op.kernel**2,
        padding=op.channels_in * ((height + 2 * op.padding) * (width + 2 * op.padding) - height * width),
        rank_weight=groups * of_weight,
        rank_gradient=groups * of_kernel,
        overlap=groups * (of_weight + of_kernel - total),
        rank=groups * total,
        kernel_rank=groups * found.kernel,
        pixels=groups * height * width,
    )


def dense(op: Dense, masked: bool = False) -> Ranks:
    """Ranks of a dense layer: dL/dW = k x^T holds x in every row, so the gradient alone suffices."""
    n, m = op.features_in, op.features // 2 if masked else op.features
    weight = min(m, n)
    return Ranks(n, m, op.features * n, 0, weight, n, weight, n)
