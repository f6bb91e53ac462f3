"""Least squares for layers too large to factorise: LSMR (Fong and Saunders 2011) with the operators only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, lsmr
from torch.nn import grad

from gi_core.numerics.convolution_maps import Array
from gi_core.settings.graph import Conv, Shape

TOLERANCE, MOST, FEW = 1e-10, 1500, 200
"""Iterations: most, and where the solution is not determined anyway."""


class KernelOperator:
    """K0 of `numerics.convolution_maps.kernel_matrix` as a convolution's own weight gradient at k; never stored."""

    def __init__(self, op: Conv, k: Array, input_shape: Shape, transposed: bool = False):
        self.op, self.input_shape, self.transposed, self.k = op, input_shape, transposed, k
        shape = (len(k) * op.kernel**2, input_shape[1] * input_shape[2])
        self.shape = shape[::-1] if transposed else shape

    @property
    def T(self) -> KernelOperator:  # noqa: N802 - as arrays have it
        return KernelOperator(self.op, self.k, self.input_shape, not self.transposed)

    def __matmul__(self, value: Array) -> Array:
        """The product with a vector, or with columns, one for each channel."""
        columns = torch.from_numpy(np.ascontiguousarray(value.reshape(self.shape[1], -1)))
        out = (self._back if self.transposed else self._forth)(columns).numpy()
        return out.reshape(self.shape[0], *value.shape[1:])

    def _forth(self, x: torch.Tensor) -> torch.Tensor:
        """(H W, C) -> (F k^2, C)."""
        op, channels = self.op, x.shape[1]
        picture = x.T.reshape(1, channels, *self.input_shape[1:])
        size = (len(self.k), channels, op.kernel, op.kernel)
        out = grad.conv2d_weight(picture, size, self._k(), op.stride, op.padding, op.dilation)
        return out.permute(0, 2, 3, 1).reshape(-1, channels)

    def _back(self, y: torch.Tensor) -> torch.Tensor:
        """(F k^2, C) -> (H W, C)."""
        op, channels = self.op, y.shape[1]
        weight = y.reshape(len(self.k), op.kernel, op.kernel, channels).permute(0, 3, 1, 2)
        size = (1, channels, *self.input_shape[1:])
        out = grad.conv2d_input(size, weight, self._k(), op.stride, op.padding, op.dilation)
        return out.reshape(channels, -1).T

    def _k(self) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.k))[None]


@dataclass(frozen=True)
class Found:
    """x (C, H W); condition and norm as LSMR estimates them."""

    x: Array
    condition: float
    norm: float


def solve(equations: list, channels: int, pixels: int, determined: bool) -> Found:
    """min |[rho K; W] x - [rho G; z]| over `system.Part`s, from zero, hence of least norm where x is not determined."""
    sizes = [n for p in equations for n in (p.target.size, p.z.size)]
    ends = np.cumsum([0, *sizes])

    def forward(x: Array) -> Array:
        picture = x.reshape(channels, pixels)
        both = [y for p in equations for y in (p.rho * (p.kernel @ picture.T).ravel(), p.weights @ x.ravel())]
        return np.concatenate(both)

    def backward(y: Array) -> Array:
        out = np.zeros((channels, pixels))
        for i, p in enumerate(equations):
            of_kernel = y[ends[2 * i] : ends[2 * i + 1]].reshape(p.target.shape)
            out += p.rho * (p.kernel.T @ of_kernel).T
            out += (p.weights.T @ y[ends[2 * i + 1] : ends[2 * i + 2]]).reshape(channels, pixels)
        return out.ravel()

    right = np.concatenate([y for p in equations for y in (p.rho * p.target.ravel(), p.z)])
    operator = LinearOperator((len(right), channels * pixels), matvec=forward, rmatvec=backward, dtype=float)
    x, _, _, _, _, norm, condition, _ = lsmr(
        operator, right, atol=TOLERANCE, btol=TOLERANCE, conlim=1e10, maxiter=MOST if determined else FEW
    )
    return Found(x.reshape(channels, pixels), float(condition), float(norm))
