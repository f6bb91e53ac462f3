"""From directions to pictures: scale and sign of each column by the bias, then X, and the masks as proof.

    A = U Q diag(s),  A 1 = g = dL/dc,   X = diag(s)^-1 Q^-1 S V^T

The residual of the first only says that g lies in the column space; the proof is that [W x_i + c > 0] is [a_ji != 0].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.recursion.spear.directions import Sieve
from gi_core.attacks.recursion.spear.reading import Reading
from gi_core.types.updates import Knowledge


@dataclass(frozen=True)
class Unmixed:
    """x (b, n): inputs of the layer. a (m, b): dL/dz of each picture, as it adds to the gradient. off (m, b): units that are off
    by a. agreed: share of (unit, picture) where x says the same. residual: |A 1 - g| / |g|, 0 without a bias. scaled: whether the length of x is known.
    errors (b,): deviation that noise leaves in a value of each row of x, |A^+ N|.
    """

    x: Tensor
    a: Tensor
    off: Tensor
    agreed: float
    residual: float
    scaled: bool
    errors: Tensor


def unmix(
    sieve: Sieve, q: Tensor, bias_gradient: Tensor | None, weight: Tensor, bias: Tensor, most: float = float("inf")
) -> Unmixed:
    """q (b, b): a direction in each row. weight W (m, n), bias c (m,); most: value above which the layer's activation is flat."""
    reading: Reading = sieve.reading
    columns = reading.u @ q.T
    right = torch.linalg.solve(q.T, reading.s[:, None] * reading.vt)
    off = torch.ones_like(columns, dtype=torch.bool)
    off[reading.live] = sieve.zeros(q)
    if bias_gradient is not None:
        scale = torch.linalg.lstsq(columns, bias_gradient[:, None]).solution[:, 0]
        residual = float((columns @ scale - bias_gradient).norm() / bias_gradient.norm())
    else:
        scale, residual = _signs(right, off, weight, bias), 0.0
    scale = torch.where(scale.abs() < 1e-300, torch.full_like(scale, 1e-300), scale)
    x = right / scale[:, None]
    z = x @ weight.T + bias
    agreed = float((((z > 0) & (z < most)).T != off).double().mean())
    made = columns * scale
    errors = (torch.linalg.pinv(made).square() @ reading.rows.square()).sqrt()
    return Unmixed(x, made, off, agreed, residual, bias_gradient is not None, errors)


def _signs(right: Tensor, off: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(b,): the sign with which W x is positive where the unit is on. Without a bias the layer scales with its input."""
    z = right @ weight.T + bias
    return torch.where(((z > 0) == ~off.T).double().mean(1) >= 0.5, 1.0, -1.0).to(right)


def in_range(x: Tensor, knowledge: Knowledge) -> Tensor:
    """x (b, C, H, W) times the largest factor of each with all pixels in [0, 1]."""
    mean, std = (torch.tensor(v, dtype=x.dtype).reshape(-1, 1, 1) for v in (knowledge.mean, knowledge.std))
    room = torch.where(x > 0, (1 - mean) / std, -mean / std).expand_as(x)
    share = torch.where(x.abs() > 1e-12 * x.abs().amax((1, 2, 3), keepdim=True), room / x, torch.inf)
    return x * share.clamp_min(0).amin((1, 2, 3))[:, None, None, None]
