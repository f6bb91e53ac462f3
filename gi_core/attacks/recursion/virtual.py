"""Virtual constraints: what a layer's equations leave open, the layer nearer the image closes.

A deficient layer gives x = x0 + N b. But x = s(z) with z = A x' + c of the layer before, and A maps n values to
w > n: with V^T A = 0, V^T (s^-1(x0 + N b) - c) = 0 holds for the true b, w - rank A equations that are linear up to
the activation. The idea of such constraints is of Zhu and Blaschko 2021; solving them by Newton steps in the null
space, D unknowns instead of a picture's, is this project's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from gi_core.attacks.recursion.readings import read
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.graph import Act

MOST = 4600
CERTIFIED = 1e-5
STEPS, TRIES = 60, 12
MIDDLE = {"sigmoid": 0.5, "softplus": math.log(2)}
"""s(0): a start of least norm lies outside the range of these."""


@dataclass(frozen=True)
class Closed:
    """x with the open directions filled in; residual |V^T z| / |z|; constraints: how many there were."""

    x: Array
    residual: float
    constraints: int

    @property
    def certified(self) -> bool:
        """Whether the residual is small and there were more equations than unknowns: fewer can always be met."""
        return self.residual < CERTIFIED


def left_null(matrix: sparse.csr_matrix) -> Array | None:
    """V (w, w - n), orthonormal, V^T A = 0; None where A is not taller than wide, or too large.

    Random vectors are projected off the range of A, twice for rounding; a whole QR would cost ten times more.
    """
    w, n = matrix.shape
    if w <= n or max(w, n) > MOST:
        return None
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices(n)] += 1e-12 * gram.trace() / n  # columns that nothing sees
    factor = linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    vectors = np.random.default_rng(0).standard_normal((w, w - n))
    for _ in range(3):
        vectors -= matrix @ linalg.cho_solve(factor, matrix.T @ vectors, check_finite=False)
    return np.linalg.qr(vectors)[0]


def close(x0: Array, free: Array, activation: Act | None, bias: Array, null: Array) -> Closed | None:
    """min_b |V^T (s^-1(x0 + N b) - c)|^2 by Levenberg-Marquardt, from the b nearest s(0).

    None with fewer equations than unknowns. x0 (n,), free N (n, D) orthonormal, bias c (n,), null V (n, v).
    """
    unknowns = free.shape[1]
    if null.shape[1] < unknowns:
        return None

    def at(b: Array) -> tuple[Array, Array, Array, float]:
        reading = read(activation, x0 + free @ b)
        z = reading.z - bias
        residual = null.T @ z
        return reading.slope, residual, z, float(residual @ residual)

    middle = MIDDLE.get(activation.kind, 0.0) if activation else 0.0
    b, damping, still = free.T @ (middle - x0), 1e-3, 0
    slope, residual, z, value = at(b)
    for _ in range(STEPS):
        jacobian = null.T @ (free / slope[:, None])
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ residual
        size = normal.trace() / unknowns
        for _ in range(TRIES):
            step = linalg.solve(normal + damping * size * np.eye(unknowns), -gradient, assume_a="pos")
            found = at(b + step)
            if found[3] < value:
                break
            damping = max(4 * damping, 1e-8)
        else:
            break
        still = still + 1 if 1 - found[3] / value < 1e-4 else 0
        b, damping = b + step, max(damping / 10, 1e-12)
        slope, residual, z, value = found
        if still >= 2:
            break
    return Closed(x0 + free @ b, value**0.5 / max(float(np.linalg.norm(z)), 1e-300), null.shape[1])
