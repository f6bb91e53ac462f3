"""Of all pictures that the equations allow, the one of least total variation: x = x0 + F z over z.

    TV(x) = sum over pixels of sqrt(|dx/dw|^2 + |dx/dh|^2 + eps), channels together

by lagged diffusivity (Vogel and Oman 1996): each round minimises the quadratic whose weights are those of the last one, by
conjugate gradients in z. eps falls from round to round.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 40
WIDE, NARROW = 1e-3, 1e-5
"""eps of the first and of the last round, pixels squared."""


class Inside:
    """Pictures x0 + F z. free (T, f): directions; to_picture: patches (T, n) -> (C, H, W) of pixels, linear but for an
    offset; back: its adjoint.
    """

    def __init__(self, free: Tensor, to_picture: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]):
        self.free, self.to_picture, self.back = free, to_picture, back

    def round(self, patches: Tensor, share: float) -> Tensor:
        """Patches of less total variation; share: of the rounds that are done, from 0 to 1."""
        eps = WIDE * (NARROW / WIDE) ** share
        x = self.to_picture(patches)
        weight = _weights(x, eps)
        zero = torch.zeros_like(patches)
        offset = self.to_picture(zero)

        def apply(z: Tensor) -> Tensor:
            return self.free.T @ self.back(_diffuse(self.to_picture(self.free @ z) - offset, weight))

        slope = self.free.T @ self.back(_diffuse(x, weight))
        return patches + self.free @ _conjugate_gradients(apply, -slope)


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
