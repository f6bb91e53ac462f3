"""How far the recursion gets: the top, block after block, and what is searched from where it stops."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import nn

from gi_core.attacks.recursion.residual import top, train_descent, train_top
from gi_core.attacks.recursion.residual.annealing import StemSearch
from gi_core.attacks.recursion.residual.descent import Network, Passed, Place, descend
from gi_core.attacks.recursion.residual.equations import Rows
from gi_core.attacks.recursion.residual.features import Block, Half, Known, Search, units
from gi_core.attacks.recursion.residual.masks import Mask
from gi_core.attacks.recursion.residual.shallow import Stem, windows
from gi_core.attacks.recursion.residual.train_descent import TrainNetwork
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.chain import Affine
from gi_core.settings.graph import MaxPool
from gi_core.settings.residual_chain import ResidualNet, title
from gi_core.types.updates import Update

FAILING = 0.05
"""Share of a mask's channels that may miss their bias gradient before the mask is not believed."""
TIED = 40.0
"""Times the rounding of two pooled values by which they may differ and count as the same."""
CONTRADICTED = 1e-2
"""Relative residual of a layer's equations above which they are not believed."""
CONTRADICTED_IN_TRAINING = 3e-3
"""The same with batch norm in train mode, where a wrong mask spoils what is found of all layers below."""


@dataclass(frozen=True)
class Halted:
    """Block `at` was not passed whole: its output is known, and `inner`, its inner activation, where that is."""

    at: int
    inner: Place | None
    reason: str


class Going:
    """One network with one update. std (C,): of the pictures' normalisation. train: batch norm was in train mode, and the
    model holds the batch's statistics.
    """

    def __init__(
        self, net: ResidualNet, pool: MaxPool | None, model: nn.Module, update: Update, std: tuple[float, ...],
        train: bool = False,
    ):  # fmt: skip
        self.net, self.pool, self.std = net, pool, std
        self.allowed = CONTRADICTED if not train else CONTRADICTED_IN_TRAINING
        self.network = TrainNetwork(model, update) if train else Network(model, update)

    def delta(self) -> Array:
        """dL/dlogits (K,), the head's bias gradient."""
        found = self.network.sums(self.net.head)
        assert found is not None  # a head without bias is refused
        return found

    def start(self) -> Place:
        """The last feature map: its mask and dL/d of it; its values are not known. Raises Refused."""
        last, net = self.net.blocks[-1], self.network
        means = net.numbers(self.net.head).weight.T @ self.delta() / self.net.positions
        sums = net.sums(last.main[1])
        assert sums is not None  # `refusal` asks for a bias or a batch norm
        side = (last.shape[1], last.shape[2])
        if isinstance(net, TrainNetwork):
            active = train_top.mask(net.layer(last.main[1]), means, sums, side)[0]
        else:
            active = top.mask(last.main[1].convolution, net.numbers(last.main[1]).gradient, means, sums, side)
        none = np.zeros_like(active)
        back = np.broadcast_to(means[:, None, None], last.shape).copy()
        return Place(np.zeros(last.shape), Mask(active, none, np.zeros(last.shape), summed=True), back)

    def before(self, at: int) -> Affine:
        """The layer whose output, with its ReLU, block `at` reads."""
        return self.net.blocks[at - 1].main[1] if at else self.net.stem

    def descend(self, at: int, out: Place) -> Passed:
        """Block `at`, from its output."""
        if isinstance(self.network, TrainNetwork):
            return train_descent.descend(self.network, self.net.blocks[at], out, self.before(at))
        return descend(self.network, self.net.blocks[at], out, self.before(at))

    def halted(self, at: int, passed: Passed) -> Halted | None:
        """Why block `at` is not believed; None where it is."""
        name = title(self.net.blocks[at])
        reason = _doubt(passed.inner.short, passed.inner.residual, passed.inner_mask, self.allowed)
        if reason:
            return Halted(at, None, f"{name}, whose inner activation {reason}")
        reason = _doubt(passed.outer.short, passed.outer.residual, None, self.allowed)
        if reason:
            back = np.zeros_like(passed.inner.x)
            return Halted(at, Place(passed.inner.x, passed.inner_mask, back), f"{name}, whose input {reason}")
        reason = _doubt(0, 0.0, passed.place.mask)
        if reason and at:
            return Halted(at - 1, None, f"{title(self.net.blocks[at - 1])}, whose output {reason}")
        return None

    def stem(self, unit: Array, pooled: tuple[int, ...], dtype: torch.dtype) -> Stem:
        seen = windows(self.pool, self.net.stem.shape, pooled)
        normed = self.network.layer(self.net.stem) if isinstance(self.network, TrainNetwork) else None
        return Stem(self.net.stem, self.network.numbers(self.net.stem), seen, unit, self.std, dtype, normed)

    def stem_search(self, place: Place, dtype: torch.dtype) -> StemSearch:
        """Where every block was passed: `place` is the stem's output, pooled if the network does that."""
        value = np.where(place.mask.active, place.value, 0.0)
        unit = units(value)

        def flat(values: Array | np.ndarray, kind: torch.dtype) -> torch.Tensor:
            return torch.from_numpy(values.reshape(len(values), -1).copy()).to(kind)

        pooled = flat(value / unit[:, None, None], dtype)
        stem = self.stem(unit, value.shape, dtype)
        error = TIED * np.abs(value) / np.maximum(np.abs(place.mask.size), 1e-30) / unit[:, None, None]
        active, back = flat(place.mask.active, torch.bool), flat(place.back, dtype)
        return StemSearch(stem, pooled, active, back, flat(error, dtype))

    def feature_search(self, halted: Halted, out: Place, dtype: torch.dtype) -> Search:
        """Where block `halted.at` was not passed: `out` is its output."""
        numbers, count = self.network.numbers, halted.at
        entry = self.net.blocks[0].input_shape
        stem = self.stem(np.ones(entry[0]), entry, dtype)
        blocks = [Block.of(b, numbers, dtype) for b in self.net.blocks[: count + 1]]
        known = Known(out.value, out.mask.active, dtype)
        if halted.inner is None:
            return Search(stem, blocks, known)
        inner = Known(halted.inner.value, halted.inner.mask.active, dtype)
        return Search(stem, blocks[:-1], Half.of(blocks[-1], inner, known, self._rows(halted, out)))

    def _rows(self, halted: Halted, out: Place) -> list[Rows]:
        """The linear equations of the halted block's input."""
        assert halted.inner is not None
        block, net = self.net.blocks[halted.at], self.network
        if isinstance(net, TrainNetwork):  # k is not known before x is
            return [Rows(np.zeros((0, prod(block.input_shape[1:]))), np.zeros((0, block.input_shape[0])))]
        k2 = out.mask.active * out.back
        k1 = halted.inner.mask.active * net.back(block.main[1], k2)
        every = np.ones(len(k1), bool)
        rows = [net.rows(block.main[0], k1, every)]
        return rows if block.skip is None else [*rows, net.rows(block.skip, k2, every)]


def _doubt(short: int, residual: float, mask: Mask | None, allowed: float = CONTRADICTED) -> str:
    """What is wrong with a recovered activation, to end a sentence; "" where nothing is."""
    if short:
        return f"lacks {short} equations of each channel"
    if residual > allowed:
        return f"obeys its equations to {residual:.0e} only"
    if mask is not None and mask.summed and mask.failing > FAILING * len(mask.active):
        return f"misses the bias gradient in {mask.failing} of {len(mask.active)} channels"
    return ""
