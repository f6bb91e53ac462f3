"""Ranks of one layer's equations by formula, for weights and k = dL/dz in general position.

A layer z = W x + b gives weight constraints W x = z - b and gradient constraints K x = vec(dL/dW).
The channels of a convolution share one kernel matrix: K = I (x) K0, so rank K = channels * rank K0.
Both meet in k_f^T W_f' x = sum W_f' . dL/dW_f, which counts once. Zhu and Blaschko 2021 for the
idea; the formulas are this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from gi_core.analysis.chain import Residual
from gi_core.analysis.rank import axis
from gi_core.analysis.rank.transport import transport
from gi_core.spec.graph import Conv, Dense, Shape


@dataclass(frozen=True)
class Ranks:
    """Equations about an input of `unknowns` values; padding is not counted among them.

    kernel_rank: of K0 with padded columns removed, summed over groups; pixels: its columns, likewise.
    overlap: dimensions that weight and gradient constraints share. rank: of both stacked.
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

    @property
    def deficiency(self) -> int:
        return self.unknowns - self.rank


@lru_cache(maxsize=1024)
def convolution(op: Conv, input_shape: Shape, masked: bool = False) -> Ranks:
    """Ranks of a convolution. masked: only half of the outputs are known, and k is zero at the others (ReLU)."""
    _, height, width = input_shape
    shape = op.shape(input_shape)
    channels, filters, groups = op.channels_in // op.groups, op.channels // op.groups, op.groups
    positions = shape[1] * shape[2]
    weight = groups * (filters * positions // 2 if masked else filters * positions)
    kernel = kernel_rank(op, input_shape, filters)
    seen = covered(op, input_shape)
    rank_weight = min(weight_rank(op, input_shape, channels, filters, masked), weight // groups)
    rows, columns = _axes(axis.outputs, op, input_shape)
    rt, ct = _axes(axis.taps, op, input_shape)
    te = sum(r.lefts for r in rt.values()) * sum(c.lefts for c in ct.values())
    m = rows.lefts * columns.lefts
    rank = min(channels * seen, channels * kernel + min(filters, channels * te) * (m - min(filters, m)))
    return Ranks(
        unknowns=op.channels_in * height * width,
        weight_constraints=weight,
        gradient_constraints=op.channels * channels * op.kernel**2,
        padding=op.channels_in * ((height + 2 * op.padding) * (width + 2 * op.padding) - height * width),
        rank_weight=groups * rank_weight,
        rank_gradient=groups * channels * kernel,
        overlap=groups * (rank_weight + channels * kernel - rank),
        rank=groups * rank,
        kernel_rank=groups * kernel,
        pixels=groups * height * width,
    )


def dense(op: Dense, masked: bool = False) -> Ranks:
    """Ranks of a dense layer: dL/dW = k x^T holds x in every row, so the gradient alone suffices."""
    n, m = op.features_in, op.features // 2 if masked else op.features
    weight = min(m, n)
    return Ranks(n, m, op.features * n, 0, weight, n, weight, n)


def kernel_rank(op: Conv, input_shape: Shape, filters: int) -> int:
    """Rank of K0 (filters * kernel^2, H * W): taps and pixels meet only within a residue class of the stride.

    Without border effects sum over classes of min(filters * taps, pixels); in general the largest
    flow from taps, `filters` rows each, to the pixels that they meet.
    """
    rows, columns = _axes(axis.taps, op, input_shape)
    return sum(_flow(r, c, filters, 1) for r in rows.values() for c in columns.values())


def weight_rank(op: Conv, input_shape: Shape, channels: int, filters: int, masked: bool = False) -> int:
    """Rank of one group's W (filters * positions, channels * pixels): a flow from positions to pixels."""
    rows, columns = _axes(axis.outputs, op, input_shape)
    supply, demand, share = (filters, 2 * channels, 2) if masked else (filters, channels, 1)
    return _flow(rows, columns, supply, demand) // share


def covered(op: Conv, input_shape: Shape) -> int:
    """Pixels that some output sees; the others are in no equation."""
    rows, columns = _axes(axis.outputs, op, input_shape)
    return rows.rights * columns.rights


def residual(block: Residual) -> tuple[Ranks, Ranks]:
    """Ranks for the input x and the inner value h of y = s(W2 h + S x), h = s(W1 x).

    h has only its gradient constraints, since W2 h comes mixed with S x. Once h is known, x has W1 x = z,
    S x = s^-1(y) - W2 h, and the gradient constraints of W1 and of a projection S; dL/dW1 also holds
    k_f^T S_f' x for every filter of W1, since the middle tap of W1 meets the pixels of S.
    """
    first, second = block.main
    op, skip = first.op, block.skip.op if block.skip else None
    one = convolution(replace(op, bias=False), block.input_shape, first.reading == "mask")
    two = convolution(replace(second.op, bias=False), second.input_shape)
    inner = Ranks(
        two.unknowns, 0, two.gradient_constraints, two.padding, 0, two.rank_gradient, 0, two.rank_gradient,
        two.kernel_rank, two.pixels,
    )  # fmt: skip
    filters, height, width = block.shape
    masked, positions = block.reading == "mask", height * width
    kernel, rank_skip, gradient = one.kernel_rank or 0, one.unknowns, 0
    if skip is not None:
        kernel += beside(op, skip, block.input_shape)
        rank_skip = weight_rank(skip, block.input_shape, op.channels_in, filters, masked)
        gradient = op.channels_in * filters
    elif masked:
        rank_skip = one.unknowns // 2
    known = positions // 2 if masked else positions
    in_gradient = max(0, min(positions, op.channels + (filters if skip is not None else 0)) - (positions - known))
    rank_gradient = op.channels_in * kernel
    rank_weight = min(one.unknowns, one.rank_weight + rank_skip)
    shared = _shared(op.channels, positions, first.reading == "mask") + filters * in_gradient
    rank = min(one.unknowns, max(rank_weight, rank_gradient, one.rank_weight + rank_skip + rank_gradient - shared))
    entry = Ranks(
        one.unknowns, one.weight_constraints + filters * known, one.gradient_constraints + gradient, one.padding,
        rank_weight, rank_gradient, rank_weight + rank_gradient - rank, rank, kernel, one.pixels,
    )  # fmt: skip
    return entry, inner


def beside(op: Conv, skip: Conv, input_shape: Shape) -> int:
    """What K0 of a 1x1 skip of equal stride adds to the rank of K0: rows on one class of pixels only."""
    rows, columns = _axes(axis.taps, op, input_shape)
    residue = op.padding % op.stride
    lattice = rows.get(residue), columns.get(residue)
    if None in lattice:
        return kernel_rank(skip, input_shape, skip.channels)
    return min(skip.channels, lattice[0].rights * lattice[1].rights - _flow(*lattice, op.channels, 1))


def _flow(rows: axis.Axis, columns: axis.Axis, supply: int, demand: int) -> int:
    flow = transport(rows, columns, supply, demand)
    if flow is None:
        return min(supply * rows.lefts * columns.lefts, demand * rows.rights * columns.rights)
    return flow


def _shared(filters: int, positions: int, masked: bool) -> int:
    """Dimensions of {k_f^T W_f'}: all pairs of filters; with a mask those whose k is zero where f' is unknown."""
    if not masked:
        return filters * min(filters, positions)
    known = positions // 2
    return filters * min(known, 1 + max(0, filters - 1 - (positions - known)))


def _axes(relation, op: Conv, input_shape: Shape):
    return [
        relation(op.kernel, op.stride, op.padding, op.dilation, extent, axis.size(op, extent))
        for extent in input_shape[1:]
    ]
