"""Least squares for layers too large to factorise: LSMR (Fong and Saunders 2011) with the operators only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, lsmr

from gi_core.attacks.recursion.operators import Array
from gi_core.spec.graph import Conv, Shape

TOLERANCE, MOST = 1e-12, 4000


class KernelOperator:
    """K0 of `operators.kernel_matrix` as a convolution with k, strides and dilations exchanged; never stored."""

    def __init__(self, op: Conv, k: Array, input_shape: Shape, transposed: bool = False):
        self.op, self.input_shape, self.transposed = op, input_shape, transposed
        self.k = torch.from_numpy(np.ascontiguousarray(k))[:, None]
        shape = (len(k) * op.kernel**2, input_shape[1] * input_shape[2])
        self.shape = shape[::-1] if transposed else shape

    @property
    def T(self) -> KernelOperator:  # noqa: N802 - as arrays have it
        return KernelOperator(self.op, self.k[:, 0].numpy(), self.input_shape, not self.transposed)

    def __matmul__(self, value: Array) -> Array:
        """Of a vector or of columns, one for each channel."""
        columns = torch.from_numpy(np.ascontiguousarray(value.reshape(self.shape[1], -1).T))
        out = (self._back if self.transposed else self._forth)(columns).reshape(len(columns), -1).T.numpy()
        return out.reshape(self.shape[0], *value.shape[1:])

    def _forth(self, x: torch.Tensor) -> torch.Tensor:
        op, side = self.op, self.op.kernel
        x = x.view(-1, 1, *self.input_shape[1:])
        return F.conv2d(x, self.k, stride=op.dilation, padding=op.padding, dilation=op.stride)[..., :side, :side]

    def _back(self, y: torch.Tensor) -> torch.Tensor:
        op, (_, height, width) = self.op, self.input_shape
        y = y.reshape(len(y), -1, op.kernel, op.kernel)
        x = F.conv_transpose2d(y, self.k, stride=op.dilation, dilation=op.stride)
        x = F.pad(
            x, (0, max(0, width + 2 * op.padding - x.shape[-1]), 0, max(0, height + 2 * op.padding - x.shape[-2]))
        )
        return x[..., op.padding : op.padding + height, op.padding : op.padding + width]


@dataclass(frozen=True)
class Found:
    """x (C, H W); condition and norm as LSMR estimates them."""

    x: Array
    condition: float
    norm: float


def solve(equations: list, channels: int, pixels: int) -> Found:
    """min |[rho K; W] x - [rho G; z]| over `system.Part`s, from zero, hence of least norm where x is not determined."""
    sizes = [n for p in equations for n in (p.target.size, p.z.size)]
    ends = np.cumsum([0, *sizes])

    def forward(x: Array) -> Array:
        picture = x.reshape(channels, pixels)
        return np.concatenate(
            [y for p in equations for y in (p.rho * (p.kernel @ picture.T).ravel(), p.weights @ x.ravel())]
        )

    def backward(y: Array) -> Array:
        out = np.zeros((channels, pixels))
        for i, p in enumerate(equations):
            of_kernel = y[ends[2 * i] : ends[2 * i + 1]].reshape(p.target.shape)
            out += p.rho * (p.kernel.T @ of_kernel).T
            out += (p.weights.T @ y[ends[2 * i + 1] : ends[2 * i + 2]]).reshape(channels, pixels)
        return out.ravel()

    right = np.concatenate([y for p in equations for y in (p.rho * p.target.ravel(), p.z)])
    operator = LinearOperator((len(right), channels * pixels), matvec=forward, rmatvec=backward, dtype=float)
    x, _, _, _, _, norm, condition, _ = lsmr(operator, right, atol=TOLERANCE, btol=TOLERANCE, conlim=1e10, maxiter=MOST)
    return Found(x.reshape(channels, pixels), float(condition), float(norm))
