"""What the positions' gradients say of a batch: a flat set in which the patches at each place lie, for every picture.

With G = U diag(s) V^T and S_t = sum_n D_nt the gradient of position t, D_nt = G q_nt for the dual basis q of the patches, so

    h_t = V diag(1 / s) U^T S_t = sum_n q_nt,   h_t . p_nu = 1 if t = u else 0   for every picture n

and p_nu lies in p_u + E: E the part of the patches' span that all h_t are blind to, of B T - T dimensions. That holds where
the B T patches are independent and no more than min(D, n), after any number of steps of SGD, too. This project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.recursion.transformer.solving import complement


@dataclass(frozen=True)
class Coset:
    """rows R (r, n): orthonormal, the patches' span. places (T, r): h_t in its coordinates. shared (T, n): the point p_u of
    least length. free (f, n): an orthonormal basis of E. misfit: share of S that G does not explain.
    """

    rows: Tensor
    places: Tensor
    shared: Tensor
    free: Tensor
    misfit: float


def coset(gradient: Tensor, positions: Tensor, rank: int) -> Coset:
    """G (D, n), S (T, D), rank: how many directions of G count."""
    u, s, rows = torch.linalg.svd(gradient, full_matrices=False)
    u, s, rows = u[:, :rank], s[:rank], rows[:rank]
    shown = u.T @ positions.T
    places = (shown / s[:, None]).T
    unit = torch.eye(len(positions), dtype=places.dtype)
    inside = torch.linalg.lstsq(places, unit, driver="gelsd").solution
    q = torch.linalg.qr(places.T).Q
    misfit = float((positions.T - u @ shown).norm() / positions.norm())
    return Coset(rows, places, inside.T @ rows, complement(q.T, rank).T @ rows, misfit)
