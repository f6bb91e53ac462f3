"""Rank analysis by measurement: the ranks of a network's real operators, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from gi_core.analysis.rank.algebra import Measured, measure, rank_of
from gi_core.analysis.rank.counting import Formulas
from gi_core.analysis.rank.formulas import Ranks
from gi_core.analysis.rank.report import RankReport, report
from gi_core.analysis.rank.rows import rows
from gi_core.analysis.rank.signals import Signals, signals
from gi_core.numerics.convolution_maps import kernel_matrix, weight_matrix
from gi_core.settings.chain import Affine, Residual, chain
from gi_core.settings.graph import Dense, Graph, Shape

MOST_UNKNOWNS = 4500
"""Most unknowns of a layer that is measured; a larger layer is counted."""
MOST_DENSE = 4_000_000
"""Entries of a dense weight whose rank is measured."""

Array = NDArray[np.float64]


def numeric(graph: Graph, model: nn.Module, seed: int = 0, title: str = "") -> RankReport:
    """Rank analysis of `model`, which `graph` draws, on one random picture.

    Ranks of K0, of W and of [W; K]; ReLU masks and k = dL/dz are those of the picture's own backward pass
    against class 0. condition = sigma_max / sigma_min of [W; a K] with a = |W| / |K| (spectral norms), so
    that both kinds of equations weigh the same; None where the rank falls short. Layers of more than
    MOST_UNKNOWNS unknowns are counted instead, and a notice names them.
    """
    blocks = chain(graph)
    source = _Measurements(signals(blocks, model, graph.input_shape, seed), seed)
    found = tuple(rows(blocks, graph.input_shape, source))
    return report(title, graph.input_shape, found, "numeric", source.notices())


class _Measurements:
    def __init__(self, read: Signals, seed: int):
        self.read, self.formulas = read, Formulas()
        self.counted: list[str] = []
        self.generator = np.random.default_rng(seed)
        self.done: dict[str, Ranks] = {}

    def notices(self) -> tuple[str, ...]:
        if not self.counted:
            return ()
        names = ", ".join(dict.fromkeys(self.counted))
        return (f"Counted, not measured, for their size: {names}.",)

    def affine(self, block: Affine) -> Ranks:
        if block.name not in self.done:
            self.done[block.name] = self._dense(block) if isinstance(block.op, Dense) else self._convolution(block)
        return self.done[block.name]

    def _dense(self, block: Affine) -> Ranks:
        """dL/dW = k x^T holds x in every row with k != 0, so its condition is 1."""
        weight = self.read.weights[block.name]
        n, kept = weight.shape[1], self._known(block.name, block.shape).ravel()
        rank = min(int(kept.sum()), n) if weight.size > MOST_DENSE else rank_of(weight[kept])
        held = n if self._k(block.name, block.shape).any() else 0
        total = max(held, rank)
        return Ranks(
            n, int(kept.sum()), weight.size, 0, rank, held, rank + held - total, total, condition=1.0 if held else None
        )

    def _convolution(self, block: Affine) -> Ranks:
        counted = self.formulas.affine(block)
        if counted.unknowns > MOST_UNKNOWNS:
            self.counted.append(block.name)
            return counted
        op, groups = block.convolution, block.convolution.groups
        k, known = self._k(block.name, block.shape), self._known(block.name, block.shape)
        found = []
        for weight, mine, kept in zip(
            *(np.split(part, groups) for part in (self.read.weights[block.name], k, known)), strict=True
        ):
            kernel = kernel_matrix(op, mine, block.input_shape)
            rows_of = weight_matrix(op, weight, block.input_shape, mine.shape)[np.flatnonzero(kept)]
            found.append(measure(kernel, rows_of, op.channels_in // groups))
        return _summed(counted, found, op.channels_in // groups, int(known.sum()))

    def residual(self, block: Residual) -> tuple[Ranks, Ranks]:
        entry, inner = self.formulas.residual(block)
        first, second = block.main
        if max(entry.unknowns, inner.unknowns) > MOST_UNKNOWNS:
            self.counted += [first.name, second.name]
            return entry, inner
        k = self._k(second.name, second.shape)
        kernel_rank = rank_of(kernel_matrix(second.convolution, k, second.input_shape))
        held = second.convolution.channels_in * kernel_rank
        inner = replace(inner, rank_gradient=held, rank=held, kernel_rank=kernel_rank)
        kept = [self._known(first.name, first.shape), self._known(second.name, block.shape)]
        op = first.convolution
        kernels = [kernel_matrix(op, self._k(first.name, first.shape), block.input_shape)]
        weights = [self._weights(first, block.input_shape), sparse.eye_array(entry.unknowns, format="csr")]
        if block.skip is not None:
            kernels.append(kernel_matrix(block.skip.convolution, k, block.input_shape))
            weights[1] = self._weights(block.skip, block.input_shape)
        stacked = sparse.vstack([w[np.flatnonzero(known)] for w, known in zip(weights, kept, strict=True)], "csr")
        found = measure(np.vstack(kernels), stacked, op.channels_in)
        return _summed(entry, [found], op.channels_in, stacked.shape[0]), inner

    def _weights(self, layer: Affine, input_shape: Shape) -> sparse.csr_matrix:
        return weight_matrix(layer.convolution, self.read.weights[layer.name], input_shape, layer.shape)

    def _k(self, name: str, shape: Shape) -> Array:
        return self.read.k[name] if name in self.read.k else self.generator.standard_normal(shape)

    def _known(self, name: str, shape: Shape) -> NDArray[np.bool_]:
        return self.read.known.get(name, np.ones(shape, bool))


def _summed(counted: Ranks, found: list[Measured], channels: int, known: int) -> Ranks:
    """The counted ranks, with those that were measured in every group in their place."""
    kernel = sum(m.kernel_rank for m in found)
    of_kernel, total = channels * kernel, sum(m.rank for m in found)
    measured = [m.rank_weight for m in found if m.rank_weight is not None]
    of_weight = min(sum(measured) if len(measured) == len(found) else counted.rank_weight, total)
    conditions = [m.condition for m in found if m.condition is not None]
    return replace(
        counted, weight_constraints=known, rank_weight=of_weight, rank_gradient=of_kernel,
        overlap=of_weight + of_kernel - total, rank=total, kernel_rank=kernel,
        condition=max(conditions) if len(conditions) == len(found) else None,
    )  # fmt: skip
