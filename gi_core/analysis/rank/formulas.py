"""Ranks of one layer's equations by formula, for weights and k = dL/dz in general position.

A layer z = W x + b gives weight constraints W x = z - b and gradient constraints K x = vec(dL/dW).
The channels of a convolution share one kernel matrix: K = I (x) K0, so rank K = channels * rank K0.
Both meet in k_f^T W_f' x = sum W_f' . dL/dW_f, which counts once. Zhu and Blaschko 2021 for the
idea; the formulas are this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

from gi_core.analysis.rank import axis, transport
from gi_core.spec.graph import Conv, Dense, Shape


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
    of_kernel = channels * kernel_rank(op, input_shape, filters)
    of_weight = min(weight_rank(op, input_shape, channels, filters, masked), weight)
    total = min(channels * covered(op, input_shape), of_kernel + min(of_weight, fresh(op, input_shape, masked)))
    return Ranks(
        unknowns=op.channels_in * height * width,
        weight_constraints=groups * weight,
        gradient_constraints=op.channels * channels * op.kernel**2,
        padding=op.channels_in * ((height + 2 * op.padding) * (width + 2 * op.padding) - height * width),
        rank_weight=groups * of_weight,
        rank_gradient=groups * of_kernel,
        overlap=groups * (of_weight + of_kernel - total),
        rank=groups * total,
        kernel_rank=groups * of_kernel // channels,
        pixels=groups * height * width,
    )


def dense(op: Dense, masked: bool = False) -> Ranks:
    """Ranks of a dense layer: dL/dW = k x^T holds x in every row, so the gradient alone suffices."""
    n, m = op.features_in, op.features // 2 if masked else op.features
    weight = min(m, n)
    return Ranks(n, m, op.features * n, 0, weight, n, weight, n)


def kernel_rank(op: Conv, input_shape: Shape, filters: int) -> int:
    """Rank of K0 (filters * kernel^2, H * W): taps and pixels meet only within a residue class of the stride.

    Without border effects sum over classes of min(filters * taps, pixels); in general the rank of the
    pattern of taps, `filters` rows each, and the pixels that they meet.
    """
    rows, columns = axes(axis.taps, op, input_shape)
    return sum(transport.rank(r, c, filters, 1) for r in rows.values() for c in columns.values())


def weight_rank(op: Conv, input_shape: Shape, channels: int, filters: int, masked: bool = False) -> int:
    """Rank of one group's W (filters * positions, channels * pixels), from the pattern of positions and pixels."""
    rows, columns = axes(axis.outputs, op, input_shape)
    supply, demand, share = (filters, 2 * channels, 2) if masked else (filters, channels, 1)
    return sum(transport.rank(r, c, supply, demand) for r in rows for c in columns) // share


def fresh(op: Conv, input_shape: Shape, masked: bool = False) -> int:
    """Weight constraints of one group that gradient constraints do not hold already: per filter f', its known
    positions less the dimensions of {k_f} that are zero elsewhere. Filters beyond channels * taps repeat others.
    """
    rows, columns = axes(axis.outputs, op, input_shape)
    across, along = axes(axis.taps, op, input_shape)
    positions = sum(r.lefts for r in rows) * sum(c.lefts for c in columns)
    taps = sum(r.lefts for r in across.values()) * sum(c.lefts for c in along.values())
    filters = op.channels // op.groups
    known = positions // 2 if masked else positions
    shared = min(filters, positions)
    if masked:  # k_f' itself is zero where z_f' is unknown; of the others only what happens to vanish there
        shared = min(known, 1 + max(0, filters - 1 - (positions - known)))
    return min(filters, op.channels_in // op.groups * taps) * (known - shared)


def covered(op: Conv, input_shape: Shape) -> int:
    """Pixels that some output sees; the others are in no equation."""
    rows, columns = axes(axis.outputs, op, input_shape)
    return sum(r.rights for r in rows) * sum(c.rights for c in columns)


def axes(relation, op: Conv, input_shape: Shape):
    """A relation of `rank.axis` for the height and the width of a convolution."""
    return [
        relation(op.kernel, op.stride, op.padding, op.dilation, extent, axis.size(op, extent))
        for extent in input_shape[1:]
    ]
