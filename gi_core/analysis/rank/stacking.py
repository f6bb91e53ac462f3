"""Ranks of K0, W and of both stacked for one group of a convolution's channels, part by part.

rank [W; K] = rank K + rank of W on null(K). On null(K) every k_f is orthogonal to every W_f' x, and only the
pixel classes that K0 leaves open are in play; where borders leave W itself short, what it shares
with K is bounded from below. Each is an upper bound of the rank, and the smallest is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from gi_core.analysis.rank import axis, transport
from gi_core.settings.graph import Conv, Shape


@dataclass(frozen=True)
class Stack:
    """For one group: rank of K0 and of W; pixels that some output sees; fresh: rank that W adds to K."""

    kernel: int
    weight: int
    covered: int
    fresh: int


@dataclass(frozen=True)
class _Class:
    """Pixels of one residue class: taps that meet them, rank of their K0, pixels left open, positions that see them."""

    taps: int
    rank: int
    open: int
    seen: np.ndarray


@lru_cache(maxsize=1024)
def stack(op: Conv, input_shape: Shape, masked: bool = False) -> Stack:
    """Sums over the parts of both axes, which share nothing. masked: half of the outputs are known, k zero elsewhere."""
    rows, columns = (
        axis.parts(op.kernel, op.stride, op.padding, op.dilation, extent, axis.size(op, extent))
        for extent in input_shape[1:]
    )
    channels, filters = op.channels_in // op.groups, op.channels // op.groups
    found = [_part(r, c, channels, filters, masked) for r, c in product(rows, columns)]
    return Stack(*(sum(getattr(one, name) for one in found) for name in ("kernel", "weight", "covered", "fresh")))


def _part(rows: axis.Part, columns: axis.Part, channels: int, filters: int, masked: bool) -> Stack:
    supply, demand, share = (filters, 2 * channels, 2) if masked else (filters, channels, 1)
    pairs = list(product(rows.outputs, columns.outputs))
    weight = sum(transport.rank(r, c, supply, demand) for r, c in pairs) // share
    covered = sum(r.rights * c.rights for r, c in pairs)
    classes = [
        _class(rows.taps[r], columns.taps[c], filters, rows.seen[r][:, None] & columns.seen[c][None, :])
        for r, c in product(rows.taps, columns.taps)
    ]
    kernel = sum(one.rank for one in classes)
    left = [one for one in classes if one.open]
    fresh = min(
        weight,
        channels * (covered - kernel),
        _new(left, channels, filters, masked),
        sum(_new([one], channels, filters, masked) for one in left),
    )
    if not masked:
        fresh = min(fresh, weight - _held(classes, channels, filters))
    return Stack(kernel, weight, covered, max(fresh, weight - channels * kernel))


def _class(rows: axis.Axis, columns: axis.Axis, filters: int, seen: np.ndarray) -> _Class:
    rank = transport.rank(rows, columns, filters, 1)
    return _Class(rows.lefts * columns.lefts, rank, rows.rights * columns.rights - rank, seen)


def _new(classes: list[_Class], channels: int, filters: int, masked: bool) -> int:
    """Weight constraints about these classes that gradient constraints do not hold: for each filter f', its known
    positions less the dimensions of {k_f} that are zero elsewhere. Filters beyond channels * taps repeat others.
    """
    if not classes:
        return 0
    positions = int(np.logical_or.reduce([one.seen for one in classes]).sum())
    taps, pixels = (sum(getattr(one, name) for one in classes) for name in ("taps", "open"))
    known = positions // 2 if masked else positions
    return min(channels * pixels, min(filters, channels * taps) * (known - shared(filters, positions, masked)))


def shared(filters: int, positions: int, masked: bool) -> int:
    """Dimensions of {k_f}; with a mask, k_f' itself and what of the others happens to vanish where z_f' is unknown."""
    if not masked:
        return min(filters, positions)
    known = positions // 2
    return min(known, 1 + max(0, filters - 1 - (positions - known)))


def _held(classes: list[_Class], channels: int, filters: int) -> int:
    """Dimensions of {k_f^T W_f'} at least: all pairs over classes whose K0 has full row rank, or one tap's class."""
    taps = sum(one.taps for one in classes if one.rank == filters * one.taps)
    alone = [min(filters, channels) * min(filters, int(one.seen.sum())) for one in classes if one.taps == 1]
    return max([min(filters, channels * taps) * filters, *alone])
