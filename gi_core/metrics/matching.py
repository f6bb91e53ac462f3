"""Which reconstruction is of which original, and whether it would find it among others."""

from __future__ import annotations

import numpy as np

from gi_core.metrics.batch import Batch, Found
from gi_core.metrics.pixels import Array, clamped

FAR = 1e6  # cost of a picture that is not finite: matched last


def pairwise_mse(a: Array, b: Array) -> Array:
    """(N, M): mean((a_i - b_j)^2) = (|a_i|^2 + |b_j|^2 - 2 <a_i, b_j>) / D. a: (N, ...), b: (M, ...).

    Good to about 1e-15 absolutely, which is enough to order pictures, not to report an error.
    """
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
    means: Array = np.maximum(squares, 0) / a.shape[1]
    return means


def assignment(reconstructions: Array, originals: Array) -> list[int]:
    """order[i] = the reconstruction that belongs to original i, least total MSE (Hungarian).

    Both (N, C, H, W); clamped first. Kuhn 1955, by scipy.
    """
    if len(originals) == 1:
        return [0]
    from scipy.optimize import linear_sum_assignment

    cost = pairwise_mse(originals, clamped(reconstructions))
    rows, columns = linear_sum_assignment(np.nan_to_num(cost, nan=FAR))
    return [int(c) for _, c in sorted(zip(rows, columns, strict=True))]


def retrieval(reconstruction: Array, original: Array, candidates: Array) -> tuple[int, float, int]:
    """Image identifiability precision (Yin et al. 2021, with L2 on pixels in place of features).

    Sort the original and all candidates that differ from it by MSE to the reconstruction. Returns
    (rank of the original from 1, 100 * share of the others that are farther, number compared).
    reconstruction, original: (C, H, W); candidates: (M, C, H, W) float32, may hold the original.
    """
    rec, true = (p.astype(np.float32).ravel() for p in (reconstruction, original))
    own = _squared(rec, true)
    closer = others = 0
    for candidate in candidates:  # one by one: a whole pool of differences is hundreds of MB
        picture = candidate.astype(np.float32, copy=False).ravel()
        if not np.array_equal(picture, true):
            others += 1
            closer += _squared(rec, picture) < own
    return closer + 1, 100.0 * (1 - closer / others) if others else 100.0, others + 1


def identified(batch: Batch) -> Found:
    """Rank and share of `retrieval` for each picture, and among how many; None where there are no candidates."""
    found: list[tuple[int | None, float | None, int]] = []
    for answer, true, good in zip(batch.clamped, batch.true, batch.finite, strict=True):
        pool = batch.candidates if good else None
        found.append((None, None, 0) if pool is None else retrieval(answer, true, pool))
    ranks, shares, counts = (list(column) for column in zip(*found, strict=True))
    return Found({"iip_rank": ranks, "iip_percentile": shares}, {"iip_candidates": max(counts) or None})


def _squared(a: Array, b: Array) -> float:
    difference = a - b
    return float(np.dot(difference, difference))
