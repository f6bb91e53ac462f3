"""Terms on pictures alone: norms (Hatamizadeh et al.), consistency of a group of searches (Yin et al.), and of epochs.

Each adds weight * its gradient to `gradient` and returns its value (T,); x, gradient (T, M, C, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from gi_core.attacks.priors import add_rounded_variation, add_total_variation
from gi_core.settings.attacks import Matching

TINY, EPOCHS_WEIGHT = 1e-12, 1.0
FAR = 8
"""A group's pictures are shifted by at most one part in so many of their side."""


@dataclass(frozen=True)
class Smoothing:
    """Weight of total variation, and whether it is the rounded one, without kinks."""

    weight: float
    rounded: bool = False


Add = Callable[[Tensor, float, Tensor], Tensor]


def of_picture(o: Matching, smoothing: Smoothing, copies: int) -> list[tuple[str, float, Add]]:
    """Terms of the picture alone that have a weight: name, weight, what adds their slope. copies: epochs with pictures
    of their own.
    """
    found: list[tuple[str, float, Add]] = [
        ("total_variation", smoothing.weight, add_rounded_variation if smoothing.rounded else add_total_variation),
        ("variation_norms", o.variation_norms, add_variation_norms),
        ("image_norm", o.image_norm, add_image_norm),
        ("epochs", EPOCHS_WEIGHT if copies > 1 else 0.0, partial(add_epochs, copies)),
    ]
    return [f for f in found if f[1]]


def add_image_norm(x: Tensor, weight: float, gradient: Tensor) -> Tensor:
    """Mean over pictures of |x_i|_2."""
    lengths = x.flatten(2).norm(dim=2)
    gradient.add_(x / lengths.clamp_min(TINY)[..., None, None, None], alpha=weight / x.shape[1])
    return lengths.mean(1)


def add_variation_norms(x: Tensor, weight: float, gradient: Tensor) -> Tensor:
    """|horizontal| + |vertical| + |both diagonal differences|, each a plain norm over all pictures of a trial."""
    h, w = x.shape[-2:]
    value = x.new_zeros(len(x))
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (..., slice(0, h - down), slice(max(0, -right), w - max(0, right)))
        there = (..., slice(down, h), slice(max(0, right), w + min(0, right)))
        d = x[there] - x[here]
        length = d.flatten(1).norm(dim=1)
        slope = d / length.clamp_min(TINY).view(-1, 1, 1, 1, 1)
        gradient[there] += weight * slope
        gradient[here] -= weight * slope
        value = value + length
    return value


def add_group(x: Tensor, weight: float, gradient: Tensor, register: bool) -> Tensor:
    """Mean square of x_t - mean over the group, its pictures shifted onto the first mean where that is asked."""
    mean = x.mean(0, keepdim=True)
    shifts = offsets(x, mean) if register and len(x) > 1 else torch.zeros(*x.shape[:2], 2, dtype=torch.int64)
    if register and len(x) > 1:
        mean = shifted(x, shifts).mean(0, keepdim=True)
    away = x - shifted(mean.expand_as(x), -shifts)
    gradient.add_(away, alpha=2 * weight / x[0].numel())
    return (away**2).flatten(1).mean(1)


def offsets(x: Tensor, mean: Tensor) -> Tensor:
    """(T, M, 2) whole pixels that move each picture best onto the mean: the largest cross-correlation, by FFT."""
    h, w = x.shape[-2:]
    spectrum = torch.fft.rfft2(_centred(x)).conj() * torch.fft.rfft2(_centred(mean))
    match = torch.fft.irfft2(spectrum.sum(2), s=(h, w))
    rows, columns = (torch.minimum(torch.arange(n), n - torch.arange(n)).to(x.device) for n in (h, w))
    near = (rows <= h // FAR)[:, None] & (columns <= w // FAR)
    best = match.masked_fill(~near, -float("inf")).flatten(2).argmax(2)
    found = torch.stack([best // w, best % w], -1)
    side = torch.tensor([h, w], device=x.device)
    return torch.where(found > side // 2, found - side, found).cpu()


def _centred(x: Tensor) -> Tensor:
    return x - x.mean((-2, -1), keepdim=True)


def shifted(x: Tensor, shifts: Tensor) -> Tensor:
    """Each picture (t, i) rolled by shifts (T, M, 2)."""
    if not bool(shifts.any()):
        return x
    rows = [torch.stack([p.roll(tuple(s.tolist()), (-2, -1)) for p, s in zip(t, ts, strict=True)])
            for t, ts in zip(x, shifts, strict=True)]  # fmt: skip
    return torch.stack(rows)


def add_epochs(copies: int, x: Tensor, weight: float, gradient: Tensor) -> Tensor:
    """Epochs hold the same pictures in unknown orders: |mean_e - mean|^2 + |spread_e - spread|^2 over the epochs e, of
    each pixel's mean and mean square over the epoch's pictures, which no order changes (Dimitrov et al., TMLR 2022).
    """
    parts = x.view(len(x), copies, -1, *x.shape[2:])
    value = x.new_zeros(len(x))
    grad = gradient.view_as(parts)
    for power in (1, 2):
        found = (parts**power).mean(2)
        away = found - found.mean(1, keepdim=True)
        value = value + (away**2).flatten(1).mean(1)
        slope = (2 / away[0].numel()) * away[:, :, None] * (power * parts ** (power - 1)) / parts.shape[2]
        grad.add_(slope, alpha=weight)
    return value
