"""Rank analysis by formula: any network that can be drawn, at any size, at once. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from gi_core.analysis.chain import Affine, Residual, Unsupported, chain, reading
from gi_core.analysis.rank.formulas import Ranks, convolution, dense, residual
from gi_core.analysis.rank.report import LayerRank, RankReport, Route, report
from gi_core.spec.graph import Act, Conv, Dense, Graph, Shape

HALF = "ReLU tells only its active units: half of them are taken as active."


def count(graph: Graph, title: str = "") -> RankReport:
    """Rank analysis by the formulas of `rank.formulas`, for weights in general position. Never raises."""
    rows = tuple(_Count(graph).rows())
    blocks = chain(graph)
    notices = (HALF,) if any(_masks(block) for block in blocks) else ()
    return report(title, graph.input_shape, rows, "count", notices)


class _Count:
    """reach: the dimension of the set of values that can stand here, whatever the picture."""

    def __init__(self, graph: Graph):
        self.blocks, self.reach = chain(graph), prod(graph.input_shape)

    def rows(self) -> Iterator[LayerRank]:
        for block in self.blocks:
            if isinstance(block, Affine):
                yield self._affine(block)
            elif isinstance(block, Residual):
                yield from self._residual(block)
            else:
                yield self._unsupported(block)

    def _affine(self, block: Affine) -> LayerRank:
        ranks = affine_ranks(block)
        row = self._row(block, ranks, unreadable(block.activation))
        self.reach = min(self.reach, ranks.rank_weight)
        return row

    def _residual(self, block: Residual) -> Iterator[LayerRank]:
        first, second = block.main
        entry, inner = residual(block)
        reach = self.reach
        yield self._row(first, entry, unreadable(first.activation), _skip(block))
        self.reach = min(reach, affine_ranks(first).rank_weight)
        yield self._row(second, inner, unreadable(block.activation))
        self.reach = min(reach, prod(block.shape))

    def _unsupported(self, block: Unsupported) -> LayerRank:
        row = self._row(block, lost(block), block.reason)
        self.reach = min(self.reach, prod(block.shape))
        return row

    def _row(self, block: Affine | Unsupported, ranks: Ranks, reason: str, more: str = "") -> LayerRank:
        virtual = max(0, ranks.unknowns - self.reach)
        kind = block.kind if isinstance(block, Unsupported) else block.op.op
        return LayerRank(
            name=block.name,
            kind=kind,
            description=describe(block) + more,
            input_shape=block.unflattened if isinstance(block, Affine) else block.input_shape,
            output_shape=block.shape,
            unknowns=ranks.unknowns,
            weight_constraints=ranks.weight_constraints,
            gradient_constraints=ranks.gradient_constraints,
            padding=ranks.padding,
            rank_weight=ranks.rank_weight,
            rank_gradient=ranks.rank_gradient,
            overlap=ranks.overlap,
            rank=ranks.rank,
            deficiency=ranks.deficiency,
            virtual=virtual,
            index=ranks.deficiency - virtual,
            route="unsupported" if reason else route(kind, ranks),
            kernel_rank=ranks.kernel_rank,
            pixels=ranks.pixels,
            reason=reason,
        )


def affine_ranks(block: Affine) -> Ranks:
    """Ranks of one linear layer."""
    masked = block.reading == "mask"
    if isinstance(block.op, Dense):
        return dense(block.op, masked)
    return convolution(replace(block.op, bias=False), block.input_shape, masked)


def route(kind: str, ranks: Ranks) -> Route:
    """How a recursion solves for a layer's input."""
    if kind == "dense":
        return "ratio"
    if ranks.deficiency:
        return "under-determined"
    return "gradient" if ranks.rank_gradient == ranks.unknowns else "joint"


def lost(block: Unsupported) -> Ranks:
    """What is still linear in a part that no recursion passes: pooling gives one equation for each output."""
    n, out = prod(block.input_shape), prod(block.shape)
    known = {"batch_norm": n, "average_pool": min(n, out), "global_average": out, "max_pool": min(n, out)}
    rank = known.get(block.kind, 0)
    return Ranks(n, rank, 0, 0, rank, 0, 0, rank)


def unreadable(activation: Act | None) -> str:
    """Why z cannot be read from s(z), or ""."""
    if activation is None or reading(activation) != "none":
        return ""
    return f"{activation.kind} takes the same value twice, so it has no inverse"


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
    return f", beside skip {_conv(block.skip.op)}" if block.skip else ", beside identity skip"


def _masks(block) -> bool:
    if isinstance(block, Unsupported):
        return False
    return block.reading == "mask" or (isinstance(block, Residual) and block.main[0].reading == "mask")


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape))
