"""Pictures apart: a random X of the commutant's null space has B eigenvalues, each T times, and their eigenspaces are the
pictures' tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DRAWS = 20
CLEAR_GAP, CLEAR_CUT = 0.1, 0.05
"""Null over next singular value, and spread over separation of the eigenvalues, up to which both are believed."""


@dataclass(frozen=True)
class Apart:
    """spans: orthonormal (T, m) of each picture. spread: widest deviation of a picture's eigenvalues over the least distance
    of two pictures' means (q). values: real parts of the eigenvalues, ascending.
    """

    spans: list[Tensor]
    spread: float
    values: Tensor


def separated(found: Tensor, pictures: int, patches: int, seed: int) -> Apart:
    """found (k, m, m): matrices of the null space. Of `DRAWS` combinations the one that is cut best."""
    draws = torch.Generator().manual_seed(seed)
    best: tuple[float, Tensor, Tensor] | None = None
    unit = torch.eye(found.shape[1], dtype=found.dtype)
    for _ in range(DRAWS if len(found) > 1 else 1):
        weights = torch.randn(len(found), dtype=found.dtype, generator=draws)
        x = torch.einsum("k,kij->ij", weights, found)
        values, vectors = torch.linalg.eig(x - x.diagonal().mean() * unit)
        order = values.real.argsort()
        spread = _spread(values.real[order], pictures, patches)
        if best is None or spread < best[0]:
            best = (spread, values.real[order], vectors[:, order])
    assert best is not None
    spread, ordered, vectors = best
    inverse = torch.linalg.inv(vectors)
    spans = []
    for n in range(pictures):
        own = slice(n * patches, (n + 1) * patches)
        projector = (vectors[:, own] @ inverse[own]).real
        spans.append(torch.linalg.svd(projector)[0][:, :patches].T)
    return Apart(spans, spread, ordered)


def _spread(values: Tensor, pictures: int, patches: int) -> float:
    """q of ascending eigenvalues."""
    groups = values.view(pictures, patches)
    apart = float(groups.mean(1).diff().min())
    wide = float(groups.std(1).max()) if patches > 1 else 0.0
    return wide / apart if apart > 0 else float("inf")
