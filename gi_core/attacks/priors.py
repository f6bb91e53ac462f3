"""What natural pictures look like: total variation, and the box of valid pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad


def add_total_variation(x: Tensor, weight: float, gradient: Tensor) -> Tensor:
    """TV = mean |dx/dw| + mean |dx/dh| (anisotropic) of each trial; weight * dTV/dx is added to `gradient`.

    x, gradient (T, N, C, H, W) -> (T,). Geiping et al. 2020.
    """

    def sizes(d: Tensor) -> Tensor:
        total = torch.linalg.vector_norm(d, 1, (1, 2, 3, 4))
        d.sign_()
        return total

    return _add_variation(x, weight, gradient, sizes)


def add_rounded_variation(x: Tensor, weight: float, gradient: Tensor, eps: float = 1e-4) -> Tensor:
    """The same with sqrt(d^2 + eps) for |d|: a second-order search needs a slope that does not jump."""

    def sizes(d: Tensor) -> Tensor:
        length = (d * d + eps).sqrt()
        d.div_(length)
        return length.flatten(1).sum(1)

    return _add_variation(x, weight, gradient, sizes)


def _add_variation(x: Tensor, weight: float, gradient: Tensor, sizes: Callable[[Tensor], Tensor]) -> Tensor:
    """sizes: differences (T, ...) -> their sizes summed, (T,), leaving their slopes in place of the differences."""
    value = x.new_zeros(x.shape[0])
    for axis in (-1, -2):
        size = x.shape[axis] - 1
        if size == 0:
            continue
        d = x.narrow(axis, 1, size) - x.narrow(axis, 0, size)
        count = d[0].numel()
        value.add_(sizes(d), alpha=1 / count)
        gradient.narrow(axis, 1, size).add_(d, alpha=weight / count)
        gradient.narrow(axis, 0, size).sub_(d, alpha=weight / count)
    return value


def median_filter(x: Tensor) -> Tensor:
    """3x3 median of each channel, reflected at the edge; x (T, N, C, H, W)."""
    flat = x.flatten(0, 2)[:, None]
    patches = pad(flat, (1, 1, 1, 1), mode="reflect").unfold(2, 3, 1).unfold(3, 3, 1)
    return patches.flatten(-2).median(-1).values.view_as(x)


class Pixels:
    """Normalised space to pixels and back: pixel = x * std + mean, per channel."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], like: Tensor):
        self.mean = like.new_tensor(mean).view(-1, 1, 1)
        self.std = like.new_tensor(std).view(-1, 1, 1)
        self.low, self.high = -self.mean / self.std, (1 - self.mean) / self.std
        self.plain = all(m == 0 for m in mean) and all(s == 1 for s in std)

    def decode(self, x: Tensor) -> Tensor:
        return x if self.plain else x * self.std + self.mean

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels if self.plain else (pixels - self.mean) / self.std

    def clamp_(self, x: Tensor) -> None:
        """x kept inside pixels [0, 1], in place."""
        if self.plain:
            x.clamp_(0, 1)
        else:
            x.clamp_(self.low, self.high)


class SmoothPrior:
    """mu TV_eps(x) + tau/2 |x - x0|^2 with TV_eps = sum sqrt(d^2 + eps), for second-order steps.

    The operator is the lagged diffusivity of TV (Vogel & Oman 1996) plus tau I.
    """

    def __init__(self, total_variation: float, tikhonov: float, eps: float = 1e-4):
        self.mu, self.tau, self.eps = total_variation, tikhonov, eps

    def value(self, x: Tensor, origin: Tensor) -> float:
        value = 0.0
        if self.mu:
            value += self.mu * sum(float((x.diff(dim=a) ** 2 + self.eps).sqrt().sum()) for a in (-1, -2))
        if self.tau:
            value += 0.5 * self.tau * float(((x - origin) ** 2).sum())
        return value

    def gradient(self, x: Tensor, origin: Tensor) -> Tensor:
        out = self.tau * (x - origin)
        return out + self._diffuse(x, x) if self.mu else out

    def operator(self, x: Tensor):
        """v -> (mu D^T diag(1 / sqrt(d^2 + eps)) D + tau I) v, weights frozen at x; flat vectors."""

        def apply(v: Tensor) -> Tensor:
            out = self.tau * v
            return out + self._diffuse(x, v.view_as(x)).reshape(-1) if self.mu else out

        return apply

    def _diffuse(self, at: Tensor, v: Tensor) -> Tensor:
        out = torch.zeros_like(v)
        for axis in (-1, -2):
            flow = self.mu * v.diff(dim=axis) / (at.diff(dim=axis) ** 2 + self.eps).sqrt()
            size = flow.shape[axis]
            out.narrow(axis, 1, size).add_(flow)
            out.narrow(axis, 0, size).sub_(flow)
        return out
