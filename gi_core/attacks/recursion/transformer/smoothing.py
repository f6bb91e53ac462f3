"""What the equations leave open, told by smoothness: x = x0 + F z over z, F linear, of least

    TV(x) / B + sum_i w_i |v_i - z_i|^2 / 2,   TV(x) = sum over pixels of sqrt(|dx/dw|^2 + |dx/dh|^2 + eps), channels together

with v_i what the equations say of a direction of F and w_i how sure they are, zero where they say nothing; it is the likeliest
picture if the slopes of pixels follow Laplace's law of scale B. It is found

by lagged diffusivity (Vogel and Oman 1996): each round minimises the quadratic whose weights are those of the last one, by
conjugate gradients in z. eps falls from round to round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

STEPS = 40
WIDE, NARROW = 1e-3, 1e-5
"""eps of the first and of the last round, pixels squared."""


SLOPE = 0.02
"""B: of the colours of neighbours, in pixels of [0, 1]."""


class Lift(NamedTuple):
    """F and its transpose: z to patches (T, n), and back."""

    out: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]


class Inside:
    """Pictures x0 + F z. precision, of z's shape or (f, 1) of its rows, and told, of z's shape, as in `solving`; to_picture: patches
    (T, n) -> (C, H, W) of pixels, linear but for an offset; back: its adjoint.
    """

    def __init__(
        self, free: Lift, precision: Tensor, told: Tensor, to_picture: Callable[[Tensor], Tensor],
        back: Callable[[Tensor], Tensor],
    ):  # fmt: skip
        self.free, self.precision, self.told = free, precision, told
        self.to_picture, self.back = to_picture, back

    def round(self, patches: Tensor, share: float) -> Tensor:
        """Patches of less total variation; share: of the rounds that are done, from 0 to 1."""
        eps = WIDE * (NARROW / WIDE) ** share
        x = self.to_picture(patches)
        weight = _weights(x, eps)
        offset = self.to_picture(torch.zeros_like(patches))

        def smooth(picture: Tensor) -> Tensor:
            return self.free.back(self.back(_diffuse(picture, weight))) / SLOPE

        def apply(z: Tensor) -> Tensor:
            return smooth(self.to_picture(self.free.out(z)) - offset) + self.precision * z

        slope = smooth(x) + self.precision * self.free.back(patches) - self.told
        return patches + self.free.out(_conjugate_gradients(apply, -slope))


def _weights(x: Tensor, eps: float) -> Tensor:
    """1 / sqrt(|grad|^2 + eps) of each pixel (H, W)."""
    right, down = _differences(x)
    return 1 / (right.square().sum(0) + down.square().sum(0) + eps).sqrt()


def _differences(x: Tensor) -> tuple[Tensor, Tensor]:
    """Forward differences of (C, H, W) along width and height, zero at the far edge."""
    right, down = torch.zeros_like(x), torch.zeros_like(x)
    right[..., :-1] = x.diff(dim=-1)
    down[..., :-1, :] = x.diff(dim=-2)
    return right, down


def _diffuse(x: Tensor, weight: Tensor) -> Tensor:
    """D^T diag(w) D x."""
    right, down = (weight * d for d in _differences(x))
    out = -right - down
    out[..., 1:] += right[..., :-1]
    out[..., 1:, :] += down[..., :-1, :]
    return out


def _conjugate_gradients(apply: Callable[[Tensor], Tensor], right: Tensor) -> Tensor:
    z, r = torch.zeros_like(right), right.clone()
    p, size = r.clone(), float((r * r).sum())
    least = 1e-12 * size
    for _ in range(STEPS):
        if size <= least or size == 0:
            break
        ap = apply(p)
        alpha = size / float((p * ap).sum())
        z, r = z + alpha * p, r - alpha * ap
        after = float((r * r).sum())
        p, size = r + (after / size) * p, after
    return z
