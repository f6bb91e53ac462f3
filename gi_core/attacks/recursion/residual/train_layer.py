"""One convolution with batch norm in train mode, whose batch means and variances are known, as equations of its input.

Batch norm folded in, z = W x + b takes the values gamma y + beta, y of mean 0. What its gradient distributes is not
e = dL/dz alone: with the mean of e over the P positions and its share along y taken out,

    k = e - mean(e) - c (W x + b - beta),  c = d / (P gamma^2),  d = sum_p e (W x + b - beta) = gamma dL/dgamma,

so that G = sum_p k_p patch_p(x) is quadratic in x. mean(W x) = beta - b, and |W x + b - beta|^2 / P is known too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gi_core.numerics.convolution_maps import Array
from gi_core.settings.chain import Affine
from gi_core.settings.graph import Conv


@dataclass(frozen=True)
class TrainLayer:
    """weight (F, Cin k^2), gradient alike, both folded; middle (F,) = beta; mean (F,) = beta - b, of W x; spread (F,), the
    root of mean |W x - mean|^2; slope (F,) = c; scale (F,) = gamma^2. shape (Cin, H, W) of the input; side (Ho, Wo).
    """

    op: Conv
    weight: Tensor
    gradient: Tensor
    mean: Tensor
    spread: Tensor
    slope: Tensor
    scale: Tensor
    shape: tuple[int, ...]
    side: tuple[int, int]

    @property
    def positions(self) -> int:
        """P."""
        return self.side[0] * self.side[1]

    @classmethod
    def of(
        cls, layer: Affine, weight: Array, gradient: Array, mean: Array, spread: Array, slope: Array, scale: Array
    ) -> TrainLayer:  # fmt: skip
        rows = (weight.reshape(len(weight), -1), gradient.reshape(len(weight), -1))
        w, g, m, s, c, q = (torch.from_numpy(np.ascontiguousarray(a)) for a in (*rows, mean, spread, slope, scale))
        return cls(layer.convolution, w, g, m, s, c, q, layer.input_shape, (layer.shape[1], layer.shape[2]))

    def only(self, filters: Tensor) -> TrainLayer:
        """The layer with these filters alone, bool (F,)."""
        return TrainLayer(
            self.op, self.weight[filters], self.gradient[filters], self.mean[filters], self.spread[filters],
            self.slope[filters], self.scale[filters], self.shape, self.side,
        )  # fmt: skip

    def told(self, e: Tensor, x: Tensor) -> TrainLayer:
        """The layer with c of what was found, sum_p e (W x - mean) / (P gamma^2), in place of what the update says of it.

        A weight change holds dL/dgamma to the rounding of gamma over the step size, a thousandth of it at a step of 0.01.
        """
        return replace(self, slope=(e * self.off(x)).sum(1) / (self.scale * self.positions).clamp_min(1e-300))

    def patches(self, x: Tensor) -> Tensor:
        """(Cin k^2, P): what each position reads of x (Cin, H, W)."""
        op = self.op
        return functional.unfold(x[None], op.kernel, op.dilation, op.padding, op.stride)[0]

    def fold(self, patches: Tensor) -> Tensor:
        """The transpose of `patches`: (Cin k^2, P) to (Cin, H, W)."""
        op = self.op
        return functional.fold(patches[None], self.shape[1:], op.kernel, op.dilation, op.padding, op.stride)[0]

    def forward(self, x: Tensor) -> Tensor:
        """W x (F, P)."""
        return self.weight @ self.patches(x)

    def back(self, k: Tensor) -> Tensor:
        """W^T k (Cin, H, W) of k (F, P)."""
        return self.fold(self.weight.T @ k)

    def products(self, x: Tensor, k: Tensor) -> Tensor:
        """sum_p k_p patch_p(x) (F, Cin k^2)."""
        return k @ self.patches(x).T

    def dealt(self, e: Tensor, off: Tensor) -> Tensor:
        """k of e = dL/dz and off = W x - mean, all (F, P)."""
        return e - e.mean(1, keepdim=True) - self.slope[:, None] * off

    def off(self, x: Tensor) -> Tensor:
        """W x - mean (F, P)."""
        return self.forward(x) - self.mean[:, None]
