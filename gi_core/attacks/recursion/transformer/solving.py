"""Patches from positions: G = S^T P solved for P (T, n), as far as noise lets each direction of it be known.

    S^T = U diag(s) V^T,   P = P0 + V diag(s / (s^2 + e^2 / v^2)) U^T (G - S^T P0)

P0 is mid-grey, v the deviation of a pixel, e the deviation of noise in one value of G, read off what no picture explains:
the part of G outside the column space of S^T, which has (D - T) n values. This is the mean of P given G for white noise
and white pixels; a direction whose error e / s is no small part of v is `free`: it is told by something else, or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.settings.transformer_checks import SPARE

DEVIATION = 0.25
"""Of a pixel in [0, 1]."""
KNOWN = 0.02
"""Error of a direction, in pixel units, below which it is taken from the equations alone."""


@dataclass(frozen=True)
class Solved:
    """patches (T, n), in the network's units. free (T, f): orthonormal directions that the equations leave open. What they say
    of those all the same: precision (f,), s^2 / e^2, and told (f, n), precision times the value. singular
    (min(T, D),): of S. noise: e. error: expected root mean square error of a pixel in [0, 1]. misfit: |G - S^T P| / |G|.
    """

    patches: Tensor
    free: Tensor
    precision: Tensor
    told: Tensor
    singular: Tensor
    noise: float
    error: float
    misfit: float


def solve(positions: Tensor, gradient: Tensor, grey: Tensor, unit: float, eps: float) -> Solved:
    """positions S (T, D), gradient G (D, n), grey (n,): a grey patch. unit: of a pixel in the network's units. eps: of the
    numbers that were sent, for when G has no part that no picture explains.
    """
    count, width = positions.shape
    u, s, vt = torch.linalg.svd(positions.T, full_matrices=False)
    right = gradient - positions.T @ grey.expand(count, -1)
    shown = u.T @ right
    if width >= count + SPARE:
        spare = (width - count) * gradient.shape[1]
        noise = float((right - u @ shown).square().sum() / spare) ** 0.5
    else:
        noise = 4 * eps * float(gradient.square().mean()) ** 0.5
    noise = max(noise, 1e-16 * float(gradient.abs().max()))
    v = DEVIATION * unit
    patches = grey + vt.T @ ((s / (s * s + (noise / v) ** 2))[:, None] * shown)
    errors = torch.full((count,), v, dtype=s.dtype)
    errors[: len(s)] = v / (1 + (s * v / noise) ** 2).sqrt()
    kept = (errors[: len(s)] / unit) < KNOWN
    vague = vt[~kept]
    free = torch.cat([vague.T, complement(vt, count)], 1)
    precision = torch.zeros(free.shape[1], dtype=s.dtype)
    precision[: len(vague)] = (s[~kept] / noise) ** 2
    told = precision[:, None] * (free.T @ grey.expand(count, -1))
    told[: len(vague)] += (s[~kept] / noise**2)[:, None] * shown[~kept]
    misfit = float((gradient - positions.T @ patches).norm() / gradient.norm())
    error = float((errors / unit).square().mean()) ** 0.5
    return Solved(patches, free, precision, told, s, noise, error, misfit)


def complement(known: Tensor, count: int) -> Tensor:
    """(T, T - k): an orthonormal basis of what is orthogonal to the rows of `known` (k, T)."""
    if len(known) == count:
        return known.new_zeros(count, 0)
    if not len(known):
        return torch.eye(count, dtype=known.dtype)
    return torch.linalg.svd(known, full_matrices=True)[2][len(known) :].T
