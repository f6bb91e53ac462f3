"""A picture from features further up: the layers below the last exact one are gone through forwards.

Where a value v of an activation is known, its z is: (z - v)^2 where v > 0, relu(z)^2 elsewhere, in units of each channel.
Of a block whose inner activation a is known and its input is not, both conv1's z and what conv2 leaves to the skip are
compared, and so are the linear equations that the block's own gradients give of its input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.residual.annealing import TEMPERATURES
from gi_core.attacks.recursion.residual.equations import Rows
from gi_core.attacks.recursion.residual.shallow import Stem, variation
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.chain import Affine, Residual

VARIATION = 0.9
LAST_VARIATION = 1e-3


class Layer:
    """A convolution with batch norm folded in."""

    def __init__(self, layer: Affine, mine: Numbers, dtype: torch.dtype):
        self.op = layer.convolution
        self.weight, self.bias = torch.from_numpy(mine.weight).to(dtype), torch.from_numpy(mine.bias).to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        op = self.op
        return functional.conv2d(x[None], self.weight, self.bias, op.stride, op.padding, op.dilation, op.groups)[0]


@dataclass(frozen=True)
class Block:
    """act(second(act(first x)) + skip x)."""

    first: Layer
    second: Layer
    skip: Layer | None

    @classmethod
    def of(cls, block: Residual, numbers: Callable[[Affine], Numbers], dtype: torch.dtype) -> Block:
        first, second = (Layer(part, numbers(part), dtype) for part in block.main)
        return cls(first, second, None if block.skip is None else Layer(block.skip, numbers(block.skip), dtype))

    def skipped(self, x: Tensor) -> Tensor:
        return x if self.skip is None else self.skip(x)

    def before_activation(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x))) + self.skipped(x)


class Known:
    """Values (C, H, W) that an activation is to take, and in which units of each channel they count."""

    def __init__(self, value: Array, active: np.ndarray, dtype: torch.dtype):
        kept = np.where(active, value, 0.0)
        self.value, self.active = torch.from_numpy(kept).to(dtype), torch.from_numpy(active)
        self.unit = torch.from_numpy(units(kept))[:, None, None].to(dtype)

    def misfit(self, z: Tensor, offset: Tensor | None = None) -> Tensor:
        """Sum of squares; offset: what is added to z before it is compared."""
        z = z if offset is None else z + offset
        off = torch.where(self.active, z - self.value, torch.relu(z))
        return ((off / self.unit) ** 2).sum()

    @property
    def size(self) -> Tensor:
        return ((self.value / self.unit) ** 2).sum()


def units(value: Array) -> Array:
    """(C,): spread of each channel's positive values; three tenths of their size at least, the usual one where there is none."""
    found = np.zeros(len(value))
    for c, row in enumerate(value.reshape(len(value), -1)):
        positive = row[row > 0]
        if len(positive):
            found[c] = max(positive.std(), 0.3 * np.sqrt((positive**2).mean()))
    usual = np.median(found[found > 0]) if (found > 0).any() else 1.0
    return np.where(found > 1e-6 * usual, found, usual)


@dataclass(frozen=True)
class Half:
    """A block whose output and inner activation are known: conv1's z, what conv2 leaves to the skip, and K x = target."""

    block: Block
    inner: Known
    out: Known
    main: Tensor
    kernel: Tensor
    target: Tensor

    @classmethod
    def of(cls, block: Block, inner: Known, out: Known, rows: list[Rows]) -> Half:
        dtype = inner.value.dtype
        kernel = torch.from_numpy(np.concatenate([r.kernel for r in rows])).to(dtype)
        target = torch.from_numpy(np.concatenate([r.target for r in rows])).to(dtype)
        return cls(block, inner, out, block.second(inner.value), kernel, target)

    def misfit(self, x: Tensor) -> Tensor:
        """Of the block's input x (C, H, W)."""
        forward = self.inner.misfit(self.block.first(x)) + self.out.misfit(self.block.skipped(x), self.main)
        linear = ((self.kernel @ x.reshape(len(x), -1).T - self.target) ** 2).sum()
        return forward + linear * (self.size / (self.target**2).sum().clamp_min(1e-30))

    @property
    def size(self) -> Tensor:
        return self.inner.size + self.out.size


class Search:
    """The picture that gives these features. blocks: nearest the image first; end: what its last output is compared with."""

    def __init__(self, stem: Stem, blocks: list[Block], end: Known | Half):
        self.stem, self.blocks, self.end = stem, blocks, end

    def reached(self, x: Tensor, temperature: float) -> Tensor:
        """What is compared, (C, H, W): z of the last block, or with `Half` the input of its block."""
        stem = self.stem
        held = stem.in_windows(stem.maps(stem.patches(x)))
        pooled = stem.soft(held, stem.weights(held, temperature)) * stem.unit
        y = pooled.reshape(len(pooled), *stem.windows.side)
        for block in self.blocks:
            y = block.before_activation(torch.relu(y))
        return torch.relu(y) if isinstance(self.end, Half) else y

    def objective(self, temperature: float, smoother: float = 1.0) -> Callable[[Tensor], Tensor]:
        """The loss at a temperature; smoother: multiplies the total variation."""
        tau = smoother * max(VARIATION * temperature / TEMPERATURES[0], LAST_VARIATION)

        def loss(x: Tensor) -> Tensor:
            return self.end.misfit(self.reached(x, temperature)) + tau * variation(x, self.stem.spread)

        return loss

    def misfit(self, x: Tensor) -> float:
        """Relative misfit of the features, which the attacker sees."""
        with torch.no_grad():
            return float((self.end.misfit(self.reached(x, 0.0)) / self.end.size.clamp_min(1e-30)) ** 0.5)
