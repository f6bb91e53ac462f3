"""One layer of the recursion: from what comes out of a block, and dL/d of it, to what went in.

z = s^-1(x_out); k = dL/dx_out * s'(z); then x_in from the layer's equations, and dL/dx_in = W^T k.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from torch import nn

from gi_core.attacks.recursion.layers import Numbers, numbers
from gi_core.attacks.recursion.readings import Reading, read
from gi_core.attacks.recursion.solver import Solution, solve
from gi_core.attacks.recursion.system import System
from gi_core.numerics.convolution_maps import Array, weight_matrix
from gi_core.settings.chain import Affine, Residual
from gi_core.settings.graph import Conv, Shape
from gi_core.types.updates import Update

Passable = Affine | Residual
"""The blocks that a recursion goes through."""


@dataclass(frozen=True)
class Front:
    """Where the recursion stands: the network's value at this place and dL/d(value), of one shape."""

    value: Array
    back: Array


@dataclass(frozen=True)
class Descent:
    """One block passed: what went in, and how it was found.

    note: how a layer that is short of equations was completed, and whether that is `certified`.
    """

    front: Front
    solution: Solution
    note: str = ""
    certified: bool = False


class Walk:
    """Passes blocks of one network with one update. balanced, tolerance: see `solver.solve`, `readings.read`."""

    def __init__(self, model: nn.Module, update: Update, *, balanced: bool = True):
        self.model, self.update, self.balanced = model, update, balanced
        self._numbers: dict[str, Numbers] = {}
        self._matrices: dict[str, sparse.csr_matrix] = {}

    def numbers(self, layer: Affine) -> Numbers:
        """A layer's weights and gradients, batch norm folded in."""
        if layer.name not in self._numbers:
            self._numbers[layer.name] = numbers(layer, self.model, self.update)
        return self._numbers[layer.name]

    def descend(self, block: Passable, out: Front, tolerance: float = 0.0) -> Descent:
        """Pass one block, from its output to its input."""
        reading = read(block.activation, out.value, tolerance)
        k = out.back * reading.slope
        if isinstance(block, Residual):
            return self._residual(block, reading, k, tolerance)
        if isinstance(block.op, Conv):
            system = self._system(block, reading, k)
            return self._through(block, (system,), k)
        return self._dense(block, reading, k)

    def _system(self, layer: Affine, reading: Reading, k: Array) -> System:
        mine = self.numbers(layer)
        trust = reading.slope * reading.known / max(float(reading.slope.max()), 1e-300)
        z = reading.z - mine.bias[:, None, None]
        return System(_convolution(layer), k, mine.weight, mine.gradient, z, trust, mine.shown)

    def _through(self, layer: Affine, systems: tuple[System, ...], k: Array) -> Descent:
        solution = solve(list(systems), layer.input_shape, balanced=self.balanced)
        return Descent(Front(self._state(solution.x), self.back(layer, k)), solution)

    def _state(self, x: Array) -> Array:
        """The published weighting keeps its state in single precision."""
        return x if self.balanced else x.astype(np.float32).astype(np.float64)

    def back(self, layer: Affine, k: Array) -> Array:
        """W^T k, of the layer's input shape."""
        weight = self.numbers(layer).weight
        if not isinstance(layer.op, Conv):
            return (weight.T @ k).reshape(layer.unflattened)
        return (self.matrix(layer).T @ k.ravel()).reshape(layer.input_shape)

    def matrix(self, layer: Affine) -> sparse.csr_matrix:
        """W of a convolution, all groups: row (f, a, b), column (c, h, w)."""
        if layer.name not in self._matrices:
            op, weight = _convolution(layer), self.numbers(layer).weight
            out = op.channels // op.groups
            parts = [
                weight_matrix(op, weight[g * out : (g + 1) * out], layer.input_shape, layer.shape)
                for g in range(op.groups)
            ]
            self._matrices[layer.name] = parts[0] if op.groups == 1 else sparse.block_diag(parts, format="csr")
        return self._matrices[layer.name]

    def _dense(self, layer: Affine, reading: Reading, k: Array) -> Descent:
        """G = k x^T: x = G^T k / (k^T k), with W x + b = z left over as a check."""
        mine = self.numbers(layer)
        size = float(k @ k)
        if size == 0.0:
            x = np.zeros(mine.weight.shape[1])
            return Descent(
                Front(x.reshape(layer.unflattened), x.reshape(layer.unflattened)),
                Solution(x, "under-determined", 0, float("inf"), 1.0, float("inf")),
            )
        x = mine.gradient.T @ k / size
        misfit = [mine.gradient - np.outer(k, x), ((mine.weight @ x + mine.bias - reading.z) * reading.slope)]
        wholes = [mine.gradient, reading.z * reading.slope]
        residual = max(
            float(np.linalg.norm(m)) / max(float(np.linalg.norm(w)), 1e-300)
            for m, w in zip(misfit, wholes, strict=True)
        )
        error = max(residual, 6e-8)
        x = self._state(x)
        solution = Solution(x, "ratio", x.size, 1.0, residual, error)
        return Descent(Front(x.reshape(layer.unflattened), self.back(layer, k)), solution)

    def _residual(self, block: Residual, reading: Reading, k: Array, tolerance: float) -> Descent:
        """q = W2 h + b2 + skip(x): h from the gradient of W2 alone, then x from skip and W1 together."""
        first, second = block.main
        blind = replace(reading, slope=np.zeros_like(k), known=np.zeros(k.shape, bool))
        inner = solve([self._system(second, blind, k)], second.input_shape, balanced=self.balanced)
        if inner.deficiency:
            return Descent(Front(np.zeros(block.input_shape), np.zeros(block.input_shape)), inner)
        inside = read(first.activation, inner.x, tolerance)
        k_inside = self.back(second, k) * inside.slope
        left = reading.z - self.forward(second, inner.x)
        systems = [self._system(first, inside, k_inside)]
        skip_back = k
        if block.skip is not None:
            systems.append(self._system(block.skip, replace(reading, z=left), k))
            skip_back = self.back(block.skip, k)
        else:
            systems.append(_identity(left, reading, block.input_shape))
        solution = solve(systems, block.input_shape, balanced=self.balanced)
        error = max(solution.error, inner.error)
        solution = replace(solution, residual=max(solution.residual, inner.residual), error=error)
        front = Front(self._state(solution.x), self.back(first, k_inside) + skip_back)
        return Descent(front, solution)

    def forward(self, layer: Affine, x: Array) -> Array:
        """W x + b of a convolution."""
        return (self.matrix(layer) @ x.ravel()).reshape(layer.shape) + self.numbers(layer).bias[:, None, None]


def _convolution(layer: Affine) -> Conv:
    assert isinstance(layer.op, Conv)
    return layer.op


def _identity(value: Array, reading: Reading, shape: Shape) -> System:
    """x = value, as a 1x1 convolution without gradient equations."""
    channels = shape[0]
    op = Conv(channels, channels, 1, bias=False)
    trust = reading.known.astype(float)
    weight = np.eye(channels)[:, :, None, None]
    none = np.zeros((channels, channels, 1, 1))
    return System(op, np.zeros_like(value), weight, none, value, trust, np.zeros(channels, bool))
