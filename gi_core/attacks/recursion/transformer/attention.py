"""Patches from the first attention alone, where positions send no gradient; one picture.

The rows of dL/dW_q, dL/dW_k and dL/dW_v span V, the tokens behind the layer norm, z^ = g C(z) / sigma + beta with C
centring, for the patches and the prefix. G's rows span the patches, p_t = R^T a_t. With N an orthonormal basis of what is
orthogonal to V,

    N^T (g C (W R^T a_t + b + pos_t)) + sigma_t N^T beta = 0

is linear in (a_t, sigma_t): D - T - c equations for r + 1 unknowns, of one matrix for all patches. Behind two layer norms, as
CLIP has them, z^ = g' C(g C(z) / sigma + beta) / sigma' + beta', so N^T g' C stands before both, and sigma sigma' N^T beta' is
added: one unknown more.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CLEAR = 30.0
"""Times the noise's singular values from which one counts."""
FLAT = 1e-9
"""Share of the largest singular value, of exact numbers, below which there is no equation."""


@dataclass(frozen=True)
class Norm:
    """weight, bias (D,) of a layer norm; bias None where it has none."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Placed:
    """patches (T, n). unknowns: of one patch. rank: of its equations. condition: largest over smallest singular value that
    counts. misfit: relative, of the equations.
    """

    patches: Tensor
    unknowns: int
    rank: int
    condition: float
    misfit: float


def short_of(count: int, prefix: int, width: int, values: int) -> int:
    """Equations that a patch lacks: r + 1 - (D - T - c), where positive; r: patches that G can tell apart."""
    unknowns = min(count, width, values) + 1
    return max(0, unknowns - max(0, width - count - prefix))


def floor_of(singular: Tensor, most: int) -> float:
    """Noise of the singular values of a matrix of rank `most` at most: the median of those behind."""
    behind = float(singular[most:].median()) if len(singular) > most else 0.0
    return max(behind, 1e-16 * float(singular[0]))


def rank_of(singular: Tensor, most: int) -> int:
    """How many singular values of a matrix of rank `most` at most stand out of the noise behind them."""
    if len(singular) <= most + 1:
        return min(most, int((singular > FLAT * singular[0]).sum()))
    return int((singular[:most] > CLEAR * floor_of(singular, most)).sum())


def equilibrated(reading: list[Tensor]) -> Tensor:
    """Gradients of what reads the tokens, (rows, D) each, as one matrix in which each counts alike."""
    return torch.cat([part / part.norm().clamp_min(1e-300) for part in reading])


def beyond_tokens(reading: list[Tensor], count: int) -> Tensor:
    """N^T: what is orthogonal to the span of `count` tokens at most."""
    _, s, rows = torch.linalg.svd(equilibrated(reading), full_matrices=True)
    return rows[rank_of(s, count) :]


def patch_space(gradient: Tensor, count: int) -> Tensor:
    """R (r, n): the span of `count` patches at most, from G (D, n)."""
    _, s, rows = torch.linalg.svd(gradient, full_matrices=False)
    return rows[: rank_of(s, count)]


def place(
    beyond: Tensor,
    rows: Tensor,
    kernel: Tensor,
    offset: Tensor,
    norms: list[Norm],
    eps: float,
    places: Tensor | None = None,
) -> Placed:
    """beyond N^T, rows R, kernel W (D, n), offset (T, D): b + pos_t; norms: in the order in which they see the tokens. places
    (T, r): functionals of a_t, of which the t-th is one and the others are zero, where they are known. eps: of the numbers
    that were sent.
    """
    columns, right = kernel @ rows.T, -offset.T
    spreads: list[Tensor] = []
    for norm in norms:
        columns, right, *spreads = (norm.weight[:, None] * (z - z.mean(0)) for z in (columns, right, *spreads))
        if norm.bias is not None and bool(norm.bias.any()):
            spreads.append(norm.bias[:, None])
    columns, right, *spreads = (beyond @ z for z in (columns, right, *spreads))
    size = columns.norm() / len(rows) ** 0.5
    seen = [spread for spread in spreads if float(spread.norm()) > FLAT]
    columns = torch.cat([columns, *(spread * (size / spread.norm()) for spread in seen)], 1)
    if places is not None:
        weight = columns.norm() / places.norm()
        told = torch.cat([places, places.new_zeros(len(places), columns.shape[1] - len(rows))], 1)
        columns = torch.cat([columns, weight * told])
        right = torch.cat([right, weight * torch.eye(len(places), dtype=places.dtype)])
    u, s, vt = torch.linalg.svd(columns, full_matrices=False)
    kept = s > max(FLAT, 4 * eps) * s[0]
    u, s, vt = u[:, kept], s[kept], vt[kept]
    found = vt.T @ ((u.T @ right) / s[:, None])
    misfit = float((columns @ found - right).norm() / right.norm())
    return Placed(found[: len(rows)].T @ rows, columns.shape[1], len(s), float(s[0] / s[-1]), misfit)
