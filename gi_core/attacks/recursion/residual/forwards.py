"""What a block's own forward pass adds where the gradients' equations of its input are short.

With x_c = x0_c + V b_c, V the directions that the gradients do not see: where the inner activation a is positive,
(W1 x)_p = a_p; where the block's output is, (skip x)_p = z_p - (conv2 a)_p. Both are linear in b: least squares by LSMR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, lsmr
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input

from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.residual.equations import Found
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.chain import Affine

MOST = 800
DETERMINED = 1.1
"""Equations that are asked for, over unknowns: fewer can always be met."""
ROUGHLY = 1e-6
"""Rounding of the values found, as a share of a channel's usual one; how large it is, their negative ones tell."""
MET = 1e-4
"""Relative residual up to which the values found are believed."""


@dataclass(frozen=True)
class Seen:
    """Where a convolution's output is known: layer None is the identity. value without bias, active (F, Ho, Wo)."""

    layer: Affine | None
    numbers: Numbers | None
    value: Array
    active: np.ndarray

    def forward(self, x: Tensor) -> Tensor:
        if self.layer is None or self.numbers is None:
            return x
        op = self.layer.convolution
        weight = torch.from_numpy(self.numbers.weight)
        return functional.conv2d(x[None], weight, None, op.stride, op.padding, op.dilation, op.groups)[0]

    def back(self, y: Tensor, shape: tuple[int, ...]) -> Tensor:
        if self.layer is None or self.numbers is None:
            return y
        op, weight = self.layer.convolution, torch.from_numpy(self.numbers.weight)
        return conv2d_input((1, *shape), weight, y[None], op.stride, op.padding, op.dilation, op.groups)[0]

    @property
    def scale(self) -> Array:
        """(F, 1, 1): one over the usual size of each channel."""
        size = np.sqrt((np.where(self.active, self.value, 0.0) ** 2).mean((1, 2), keepdims=True))
        return 1 / np.maximum(size, 1e-6 * size.max() + 1e-300)


def complete(found: Found, seen: list[Seen]) -> Found:
    """`found` with its free directions filled in, where the forward pass determines them; else as it was."""
    free = found.free
    shape = found.x.shape
    if (
        free is None
        or found.sure is None
        or DETERMINED * shape[0] * free.shape[1] > sum(int(s.active.sum()) for s in seen)
    ):
        return found
    basis, x0 = torch.from_numpy(free), torch.from_numpy(found.sure)
    weights = [torch.from_numpy(s.active * s.scale) for s in seen]

    def forward(b: Array) -> Array:
        x = (torch.from_numpy(np.ascontiguousarray(b)).reshape(shape[0], -1) @ basis.T).reshape(shape)
        parts = [(w * s.forward(x)).ravel() for s, w in zip(seen, weights, strict=True)]
        return torch.cat(parts).numpy()

    def backward(r: Array) -> Array:
        parts = torch.from_numpy(np.ascontiguousarray(r)).split([w.numel() for w in weights])
        x = torch.zeros(shape, dtype=torch.float64)
        for s, w, p in zip(seen, weights, parts, strict=True):
            x += s.back(w * p.reshape(w.shape), shape)
        return (x.reshape(shape[0], -1) @ basis).ravel().numpy()

    left = [(w * (torch.from_numpy(s.value) - s.forward(x0))).ravel() for s, w in zip(seen, weights, strict=True)]
    whole = [(w * torch.from_numpy(s.value)).ravel() for s, w in zip(seen, weights, strict=True)]
    right = torch.cat(left).numpy()
    size = float(torch.cat(whole).norm())
    operator = LinearOperator((right.size, shape[0] * free.shape[1]), matvec=forward, rmatvec=backward, dtype=float)
    solved = lsmr(operator, right, atol=1e-10, btol=1e-10, conlim=0, maxiter=MOST)
    residual = float(np.linalg.norm(right - forward(solved[0])) / max(size, 1e-300))
    if residual > MET:
        return found
    x = found.sure + (solved[0].reshape(shape[0], -1) @ free.T).reshape(shape)
    condition = float(solved[6])
    error = np.broadcast_to(ROUGHLY * np.sqrt((x**2).mean((1, 2), keepdims=True)) + 1e-300, shape)
    return replace(
        found, x=x, error=error.copy(), rank=x[0].size, condition=condition, residual=residual, free=None, sure=None
    )  # fmt: skip
