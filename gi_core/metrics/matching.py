"""Which reconstruction is of which original, and whether it would find it among others."""

from __future__ import annotations

import numpy as np

from gi_core.metrics.pixels import Array, clamped

FAR = 1e6  # cost of a picture that is not finite: matched last


def pairwise_mse(a: Array, b: Array) -> Array:
    """(len(a), len(b)): mean((a_i - b_j)^2). a: (N, ...), b: (M, ...)."""
    return np.stack([np.mean((b - one) ** 2, axis=tuple(range(1, b.ndim))) for one in a])


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
    reconstruction, original: (C, H, W); candidates: (M, C, H, W), may contain the original.
    """
    own = np.mean((reconstruction - original) ** 2)
    others = candidates[np.any(candidates != original.astype(candidates.dtype), axis=(1, 2, 3))]
    if not len(others):
        return 1, 100.0, 1
    distances = pairwise_mse(reconstruction[None], others)[0]
    closer = int((distances < own).sum())
    return closer + 1, 100.0 * (1 - closer / len(others)), len(others) + 1
