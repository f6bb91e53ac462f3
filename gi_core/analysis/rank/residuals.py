"""Ranks of a residual block's equations by formula: y = s(W2 h + S x), h = s(W1 x)."""

from __future__ import annotations

from dataclasses import replace

from gi_core.analysis.rank import axis, transport
from gi_core.analysis.rank.formulas import Ranks, convolution
from gi_core.analysis.rank.stacking import stack
from gi_core.settings.chain import Residual
from gi_core.settings.graph import Conv, Shape


def residual(block: Residual) -> tuple[Ranks, Ranks]:
    """Ranks for the input x and for the value h between the two convolutions.

    h has only its gradient constraints, since W2 h comes mixed with S x. Once h is known, x has W1 x = z,
    S x = s^-1(y) - W2 h, and the gradient constraints of W1 and of a projection S; dL/dW1 also holds
    k_f^T S_f' x for every filter of W1, since the middle tap of W1 meets the pixels of S. What x has too many
    is left for h, as equations that only a search can use (`spare`).
    """
    first, second = block.main
    op, skip = first.convolution, block.skip.convolution if block.skip else None
    masks = first.reading == "mask", block.reading == "mask"
    one = convolution(op, block.input_shape, masks[0])
    two = convolution(second.convolution, second.input_shape)
    filters, height, width = block.shape
    positions = height * width
    known = positions // 2 if masks[1] else positions
    kernel, gradient, holders = one.kernel_rank or 0, 0, op.channels
    rank_skip = filters * known
    if skip is not None:
        kernel += _beside(op, skip, block.input_shape)
        gradient, holders = op.channels_in * filters, op.channels + filters
        rank_skip = stack(skip, block.input_shape, masks[1]).weight
    held = max(0, min(positions, holders) - (positions - known))
    new = min(filters, op.channels_in) * (known - held)
    equations = op.channels_in * kernel + stack(op, block.input_shape, masks[0]).fresh + new
    rank_weight, rank_gradient = min(one.unknowns, one.rank_weight + rank_skip), op.channels_in * kernel
    rank = min(one.unknowns, max(equations, rank_weight))
    entry = replace(
        one,
        weight_constraints=one.weight_constraints + filters * known,
        gradient_constraints=one.gradient_constraints + gradient,
        rank_weight=rank_weight,
        rank_gradient=rank_gradient,
        overlap=rank_weight + rank_gradient - rank,
        rank=rank,
        kernel_rank=kernel,
    )
    inner = replace(
        two, weight_constraints=0, rank_weight=0, overlap=0, rank=two.rank_gradient, spare=max(0, equations - rank)
    )
    return entry, inner


def _beside(op: Conv, skip: Conv, input_shape: Shape) -> int:
    """What K0 of a 1x1 skip of equal stride adds to the rank of K0: rows on one class of pixels only."""
    rows, columns = (
        axis.parts(op.kernel, op.stride, op.padding, op.dilation, extent, axis.size(op, extent))
        for extent in input_shape[1:]
    )
    residue = op.padding % op.stride
    down, across = (next((p.taps[residue] for p in parts if residue in p.taps), None) for parts in (rows, columns))
    if down is None or across is None:
        return stack(skip, input_shape).kernel
    return min(skip.channels, down.rights * across.rights - transport.rank(down, across, op.channels, 1))
