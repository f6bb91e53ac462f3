"""From a network's blocks and the ranks of their equations to the rows of a report. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Protocol

from gi_core.analysis.rank.formulas import Ranks
from gi_core.analysis.rank.report import LayerRank, Route
from gi_core.settings.chain import Affine, Block, Residual, Unsupported, reading
from gi_core.settings.graph import Act, Conv, Shape


class Source(Protocol):
    """Where ranks come from: formulas or measurements."""

    def affine(self, block: Affine) -> Ranks:
        """Ranks of one linear layer."""

    def residual(self, block: Residual) -> tuple[Ranks, Ranks]:
        """Ranks for a residual block's input, and for the value between its two convolutions."""


def rows(blocks: tuple[Block, ...], input_shape: Shape, source: Source) -> Iterator[LayerRank]:
    """A row for each layer, image first.

    reach, the dimension of the set of values that can stand at a place whatever the picture, only ever
    falls: q_0 = pixels, q_j = min(rank W_j, q_{j-1}).
    """
    reach = prod(input_shape)
    for block in blocks:
        if isinstance(block, Affine):
            ranks = source.affine(block)
            yield _row(block, ranks, reach, unreadable(block.activation))
            reach = min(reach, ranks.rank_weight)
        elif isinstance(block, Residual):
            first, second = block.main
            entry, inner = source.residual(block)
            yield _row(first, entry, reach, unreadable(first.activation), _skip(block))
            between = min(reach, source.affine(first).rank_weight)
            yield _row(second, inner, between, unreadable(block.activation))
            reach = min(reach, prod(block.shape))
        else:
            yield _row(block, lost(block), reach, block.reason)
            reach = min(reach, prod(block.shape))


def _row(block: Affine | Unsupported, ranks: Ranks, reach: int, reason: str, more: str = "") -> LayerRank:
    virtual = max(0, ranks.unknowns - reach) + (ranks.spare if ranks.deficiency else 0)
    kind = block.kind if isinstance(block, Unsupported) else block.op.op
    return LayerRank(
        name=block.name, kind=kind, description=describe(block) + more,
        input_shape=block.unflattened if isinstance(block, Affine) else block.input_shape, output_shape=block.shape,
        unknowns=ranks.unknowns, weight_constraints=ranks.weight_constraints,
        gradient_constraints=ranks.gradient_constraints, padding=ranks.padding,
        rank_weight=ranks.rank_weight, rank_gradient=ranks.rank_gradient, overlap=ranks.overlap, rank=ranks.rank,
        deficiency=ranks.deficiency, virtual=virtual, index=ranks.deficiency - virtual,
        route="unsupported" if reason else route(kind, ranks),
        kernel_rank=ranks.kernel_rank, pixels=ranks.pixels, condition=ranks.condition, reason=reason,
    )  # fmt: skip


def route(kind: str, ranks: Ranks) -> Route:
    """How a recursion solves for a layer's input."""
    if ranks.deficiency:
        return "under-determined"
    if kind == "dense":
        return "ratio"
    return "gradient" if ranks.rank_gradient == ranks.unknowns else "joint"


def lost(block: Unsupported) -> Ranks:
    """What is still linear in a part that no recursion passes: pooling gives one equation for each output."""
    n, out = prod(block.input_shape), prod(block.shape)
    known = {"batch_norm": n, "average_pool": min(n, out), "global_average": out, "max_pool": min(n, out)}
    rank = known.get(block.kind, max(0, block.kept or 0))
    return Ranks(n, rank, 0, 0, rank, 0, 0, rank)


def unreadable(activation: Act | None) -> str:
    """Why z cannot be read from s(z), or ""."""
    if activation is None or reading(activation) != "none":
        return ""
    return f"{activation.kind} takes the same value twice, so it has no inverse"


def masked(block: Block) -> bool:
    """Whether some of the block's outputs tell only that they are not active."""
    if isinstance(block, Unsupported):
        return False
    return block.reading == "mask" or (isinstance(block, Residual) and block.main[0].reading == "mask")


def describe(block: Affine | Unsupported) -> str:
    """`conv 3->12 k4 s2 p2`, as a table shows it."""
    if isinstance(block, Unsupported):
        return f"{block.kind.replace('_', ' ')} {_size(block.input_shape)} to {_size(block.shape)}"
    op = block.op
    text = _conv(op) if isinstance(op, Conv) else f"dense {op.features_in}->{op.features}"
    if block.batch_norm:
        text += ", batch norm"
    return text + (f", {block.activation.kind.replace('_', ' ')}" if block.activation else "")


def _conv(op: Conv) -> str:
    text = f"conv {op.channels_in}->{op.channels} k{op.kernel} s{op.stride} p{op.padding}"
    return text + (f" d{op.dilation}" if op.dilation > 1 else "") + (f" g{op.groups}" if op.groups > 1 else "")


def _skip(block: Residual) -> str:
    return f", beside skip {_conv(block.skip.convolution)}" if block.skip else ", beside identity skip"


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape))
