"""The part of the network below where the recursion stopped, as functions of the picture that an annealing can search.

Max pooling is softened: sum_j w_j z_j over a window with w = softmax(z / (T u_c)), u_c the usual size of channel c; at
T = 0 it is max pooling. The same weights deal dL/d(pooled) out over the window, so that the stem's own gradient, which
depends on who won, is a smooth function of the picture too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.residual.train_layer import TrainLayer
from gi_core.settings.chain import Affine
from gi_core.settings.graph import MaxPool

OUTSIDE = -1
COLOUR = 4.0
_OPPONENT = torch.diag(torch.tensor([1.0, COLOUR, COLOUR])) @ functional.normalize(
    torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
)


@dataclass(frozen=True)
class Windows:
    """places (windows, taps) int64: positions of the map that a window holds, OUTSIDE where the map ends; side: (H, W)
    of the windows; inside: (H, W) of the map.
    """

    places: Tensor
    side: tuple[int, int]
    inside: tuple[int, int]


def windows(pool: MaxPool | None, shape: tuple[int, ...], pooled: tuple[int, ...]) -> Windows:
    """The windows of max pooling over a map (C, H, W); without pooling each holds one position."""
    height, width = shape[1:]
    size, stride, padding = (1, 1, 0) if pool is None else (pool.size, pool.stride or pool.size, pool.padding)
    rows = np.arange(pooled[1])[:, None] * stride - padding + np.arange(size)[None]
    columns = np.arange(pooled[2])[:, None] * stride - padding + np.arange(size)[None]
    y, x = rows[:, None, :, None], columns[None, :, None, :]
    there = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    places = np.where(there, y * width + x, OUTSIDE).reshape(pooled[1] * pooled[2], size * size)
    return Windows(torch.from_numpy(places), (pooled[1], pooled[2]), (height, width))


@dataclass(frozen=True)
class Normed:
    """Batch norm in train mode after the first convolution, in units of its channels, each (C, 1): middle, mean of its output
    z; spread of z; slope c of k = e - mean(e) - c (z - middle).
    """

    middle: Tensor
    spread: Tensor
    slope: Tensor

    @classmethod
    def of(cls, layer: TrainLayer, bias: Tensor, unit: Tensor) -> Normed:
        mean, spread, slope = (t[:, None].to(unit.dtype) for t in (layer.mean, layer.spread, layer.slope))
        return cls(mean / unit + bias, (spread / unit).clamp_min(1e-12), slope * unit)

    def share(self, dealt: Tensor, z: Tensor) -> Tensor:
        """k (C, positions)."""
        return dealt - dealt.mean(1, keepdim=True) - self.slope * (z - self.middle)

    def moments(self, z: Tensor) -> Tensor:
        """(2, C): what the mean and the mean square of z - middle are off by, in units of its spread; 0 at the picture."""
        off = (z - self.middle) / self.spread
        return torch.stack([off.mean(1), ((off**2).mean(1) - 1) / 2])


class Stem:
    """The first convolution with the numbers of its update, in one dtype. unit (C,): usual size of each channel. normed: its
    batch norm, where that is in train mode.
    """

    def __init__(
        self, layer: Affine, mine: Numbers, seen: Windows, unit: np.ndarray, std: tuple[float, ...], dtype: torch.dtype,
        normed: TrainLayer | None = None,
    ):  # fmt: skip
        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(dtype)

        self.op, self.windows, self.dtype = layer.convolution, seen, dtype
        self.shape, self.spread = layer.input_shape, spreads(std, dtype)
        self.unit = tensor(unit)[:, None]
        self.weight = tensor(mine.weight.reshape(len(mine.weight), -1)) / self.unit
        self.bias = tensor(mine.bias)[:, None] / self.unit
        gradient = tensor(mine.gradient.reshape(len(mine.gradient), -1))
        self.gradient_size = gradient.norm(dim=1, keepdim=True).clamp_min(1e-30)
        self.gradient = gradient / self.gradient_size
        self.normed = None if normed is None else Normed.of(normed, self.bias, self.unit)
        self._there = seen.places >= 0
        self._places = seen.places.clamp_min(0)

    def patches(self, x: Tensor) -> Tensor:
        """(C k^2, positions) of a picture (C, H, W)."""
        op = self.op
        return functional.unfold(x[None], op.kernel, op.dilation, op.padding, op.stride)[0]

    def fold(self, patches: Tensor) -> Tensor:
        """The transpose of `patches`: (C k^2, positions) to (C, H, W)."""
        op = self.op
        return functional.fold(patches[None], self.shape[1:], op.kernel, op.dilation, op.padding, op.stride)[0]

    def maps(self, patches: Tensor) -> Tensor:
        """z / u (C, positions)."""
        return self.weight @ patches + self.bias

    def in_windows(self, z: Tensor) -> Tensor:
        """(C, windows, taps), minus infinity outside of the map."""
        return z[:, self._places].masked_fill(~self._there, float("-inf"))

    def weights(self, held: Tensor, temperature: float, among: Tensor | None = None) -> Tensor:
        """w (C, windows, taps): softmax of what the windows hold; at zero, 1 for the largest. among: who may win."""
        if among is not None:
            held = held.masked_fill(~among, float("-inf"))
        if temperature > 0:
            return torch.softmax(held / temperature, 2)
        return functional.one_hot(held.argmax(2), held.shape[2]).to(held.dtype)

    def soft(self, held: Tensor, weights: Tensor) -> Tensor:
        """sum_j w_j z_j (C, windows)."""
        return (weights * held.masked_fill(~self._there, 0.0)).sum(2)

    def dealt(self, weights: Tensor, back: Tensor) -> Tensor:
        """dL/dz (C, positions) from back = dL/d(pooled) (C, windows), zero where a unit is inactive."""
        channels, flat = len(back), self._places.reshape(1, -1)
        shares = (weights * back[:, :, None] * self._there).reshape(channels, -1)
        out = torch.zeros(channels, self.windows.inside[0] * self.windows.inside[1], dtype=shares.dtype)
        return out.scatter_add(1, flat.expand(channels, -1), shares)

    def share(self, dealt: Tensor, z: Tensor) -> Tensor:
        """k (C, positions) that the gradient sums: what is dealt out, less what batch norm in train mode takes off."""
        return dealt if self.normed is None else self.normed.share(dealt, z)

    def misfit(self, dealt: Tensor, patches: Tensor, z: Tensor) -> Tensor:
        """(k patches^T - G) / |G_c|, (C, Cin k^2)."""
        return self.share(dealt, z) @ patches.T / self.gradient_size - self.gradient

    def candidates(self, pooled: Tensor, error: Tensor) -> Tensor:
        """Who may have won (C, windows, taps), by the pooled values alone. error (C, windows): of those.

        The winner of a window is below none of the windows that hold it, so it stands where the bound is the window's own
        value. Windows that overlap and have the same value have the same winner: it stands where most of them meet.
        """
        bound, flat = self.bound(pooled)[:, self._places], self._places.reshape(1, -1).expand(len(pooled), -1)
        spread = error[:, :, None].expand(-1, -1, self._places.shape[1]).reshape(len(pooled), -1)
        worst = torch.zeros(len(pooled), self.windows.inside[0] * self.windows.inside[1], dtype=error.dtype)
        worst = worst.scatter_reduce(1, flat, spread, "amax")[:, self._places]  # of the windows that meet at a position
        may = self._there & (bound >= pooled[:, :, None] - worst)
        held = may & (pooled > 0)[:, :, None]
        met = torch.zeros(len(pooled), self.windows.inside[0] * self.windows.inside[1], dtype=torch.int32)
        met = met.scatter_add(1, flat, held.reshape(len(pooled), -1).int())[:, self._places]
        met = met.masked_fill(~may, -1)
        return may & (met == met.amax(2, keepdim=True))

    def bound(self, pooled: Tensor) -> Tensor:
        """The least pooled value (C, positions) of the windows that hold a position: no z is above it."""
        channels = len(pooled)
        over = pooled[:, :, None].expand(-1, -1, self._places.shape[1]).masked_fill(~self._there, float("inf"))
        out = torch.full((channels, self.windows.inside[0] * self.windows.inside[1]), float("inf"), dtype=pooled.dtype)
        return out.scatter_reduce(
            1, self._places.reshape(1, -1).expand(channels, -1), over.reshape(channels, -1), "amin"
        )


def variation(x: Tensor, std: Tensor, eps: float = 1e-3) -> Tensor:
    """Colour total variation sum sqrt(|d_x|^2 + |d_y|^2 + eps^2) of a picture (C, H, W); std (C, 1, 1) as `spreads` gives it.

    Colours together, in opponent colours with those of hue weighed COLOUR times: colour is smoother than brightness.
    """
    y = x * std
    if len(x) == 3:
        y = torch.einsum("oc,chw->ohw", _OPPONENT.to(x.dtype), y)
    across = y[:, :-1, 1:] - y[:, :-1, :-1]
    down = y[:, 1:, :-1] - y[:, :-1, :-1]
    return torch.sqrt((across**2 + down**2).sum(0) + eps**2).sum()


def spreads(std: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    """(C, 1, 1): what the channels' normalisation divides by, over its mean."""
    found = torch.tensor(std, dtype=dtype).view(-1, 1, 1)
    return found / found.mean()
