"""The part of a layer's least squares that no channel can solve alone: normal equations of all of them together.

x_c = x0_c + V_r b_c: (sum W_c V_r)^T (sum W_c V_r) + diag(lambda_r), of C q unknowns. Where they are singular, the
solution of least norm and the directions that stay open.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from gi_core.attacks.recursion.system import Part
from gi_core.numerics.convolution_maps import Array

NOTHING = 1e-12
"""Eigenvalues below this share of the largest are zero: (1e-6)^2, since gradients are float32 (6e-8) and k is worked out of
several of them. In a softplus network what is truly zero came out as up to 2e-13, beside 4e-3 of what is not.
"""
MOST_FREE = 2000


@dataclass(frozen=True)
class Joint:
    b: Array
    rank: int
    condition: float
    spread: float
    free: Array | None = None


def solve(equations: list[Part], x: Array, rest: Array, values: Array, right: Array) -> Joint:
    """The rest (q, C) by normal equations; spread is the trace of their inverse."""
    channels, q = len(x), rest.shape[1]
    normal = reduce(lambda a, b: a + b, (p.weights.T @ p.weights for p in equations)).tocsr()
    back = sum(p.weights.T @ (p.z - p.weights @ x.ravel()) for p in equations).reshape(channels, -1)
    matrix = np.empty((channels * q, channels * q))
    pixels = rest.shape[0]
    for c in range(channels):
        rows = normal[c * pixels : (c + 1) * pixels].tocsc()
        for d in range(c + 1):
            block = rest.T @ (rows[:, d * pixels : (d + 1) * pixels] @ rest)
            matrix[c * q : (c + 1) * q, d * q : (d + 1) * q] = block
            matrix[d * q : (d + 1) * q, c * q : (c + 1) * q] = block.T
    matrix[np.diag_indices_from(matrix)] += np.tile(values, channels)
    wanted = (back @ rest + right.T @ rest).ravel()
    size = np.abs(matrix).sum(0).max()
    factor, failed = lapack.dpotrf(matrix, lower=1)
    if not failed:
        reciprocal, _ = lapack.dpocon(factor, size, uplo="L")
        if reciprocal > NOTHING:
            b = linalg.cho_solve((factor, True), wanted, check_finite=False)
            return Joint(b.reshape(channels, q).T, b.size, reciprocal**-0.5, _inverse_trace(factor))
    return _least_norm(matrix, wanted, channels, q)


def _least_norm(matrix: Array, wanted: Array, channels: int, q: int) -> Joint:
    values, vectors = linalg.eigh(matrix, driver="evd", check_finite=False)
    kept = values > NOTHING * values[-1]
    if not kept.any():
        return Joint(np.zeros((q, channels)), 0, float("inf"), 0.0)
    inside = vectors[:, kept]
    b = inside @ ((inside.T @ wanted) / values[kept])
    spread = float((1 / values[kept]).sum())
    condition = float((values[-1] / values[kept][0]) ** 0.5)
    free = vectors[:, ~kept] if (~kept).sum() <= MOST_FREE else None
    return Joint(b.reshape(channels, q).T, int(kept.sum()), condition, spread, free)


def _inverse_trace(factor: Array, probes: int = 8) -> float:
    """trace(A^-1) from its Cholesky factor, by Hutchinson's estimator with fixed signs."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(factor), probes))
    return float((signs * linalg.cho_solve((factor, True), signs, check_finite=False)).sum() / probes)
