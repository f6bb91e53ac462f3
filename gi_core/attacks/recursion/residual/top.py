"""The mask of the last feature map, behind a mean over positions, in closed form and in its spatial order.

The gradient of the last convolution, row c divided by D_c = dL/d(output) / P, is R_t = M S_t a: M binary (C, P), a the
convolution's input, S_t the shift of tap t, zero outside the map. With U the first P left singular vectors of R,
M = U Q and T_t = U^T R_t = Q S_t a. Z = Q^-1 obeys a linear homogeneous system, row by row,

    (Z T_t)_p = (Z T_centre)_{p + t} where p + t lies inside, and 0 where it lies outside,

whose solution is unique up to a factor where M and a have rank P. The factor comes from sum_p M = n, the ratio of the
bias gradient to D. This project's own.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from gi_core.attacks.base import Refused
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.graph import Conv

ROUNDS = 6
"""Inverse iterations towards the null vector."""
BINARY = 0.25
"""A mask whose values are further than this from 0 and 1 (the 99 % quantile) is none."""
UNLIKE = 0.1
"""Share of the channels whose number of active units may be another than their bias gradient says."""
BLURRED = (
    "the last feature map's mask cannot be told from this update: it is noised or rounded, or not the gradient of one"
    " picture"
)

SPARE = 1.5
"""Channels over positions below which there may be too few: rounding is then amplified without bound."""
TIGHT = (
    "the last feature map's mask cannot be told from this update: its {} positions need more than the {} channels that are"
    " active, so choose a smaller size"
)


def mask(op: Conv, gradient: Array, means: Array, sums: Array, side: tuple[int, int]) -> np.ndarray:
    """M (C, H, W) bool. gradient (C, Cin, k, k), folded; means D (C,); sums (C,) = D n. Raises Refused."""
    positions = side[0] * side[1]
    useful = np.abs(means) > 1e-12 * np.abs(means).max()
    n = np.zeros(len(means))
    n[useful] = sums[useful] / means[useful]
    if positions == 1:
        return (n > 0.5).reshape(-1, 1, 1)
    live = np.flatnonzero(useful & (n > 0.5))
    if len(live) < positions:
        raise Refused(
            f"{len(live)} channels of the last feature map are active, and its {positions} positions need as many"
        )
    divided = gradient[live] / means[live, None, None, None]
    left, _, _ = linalg.svd(divided.reshape(len(live), -1), full_matrices=False, check_finite=False)
    basis = left[:, :positions]
    taps = np.einsum("cp,ciuv->uvpi", basis, divided, optimize=True)
    z = _null(op, taps, side)
    found = basis @ linalg.inv(z)
    scale = float(found.sum(1) @ n[live] / max((found.sum(1) ** 2).sum(), 1e-300))
    found = found * scale
    off = np.abs(found - np.round(found.clip(0, 1)))
    unlike = np.abs((found > 0.5).sum(1) - n[live]) > 0.5  # of the counts that the bias gradient gives
    if np.quantile(off, 0.99) > BINARY or unlike.mean() > UNLIKE:
        raise Refused(TIGHT.format(positions, len(live)) if len(live) < SPARE * positions else BLURRED)
    out = np.zeros((len(means), positions), bool)
    out[live] = found > 0.5
    return out.reshape(-1, *side)


def _null(op: Conv, taps: Array, side: tuple[int, int]) -> Array:
    """Z (P, P) of least misfit and unit length: the smallest eigenvector of the normal equations."""
    height, width = side
    p = height * width
    normal = np.zeros((p, p, p, p))  # of row p: [p, :, q, :]
    middle = op.padding
    centre = taps[middle, middle]
    square = centre @ centre.T
    for u in range(op.kernel):
        for v in range(op.kernel):
            if (u, v) == (middle, middle):
                continue
            mine, cross = taps[u, v] @ taps[u, v].T, taps[u, v] @ centre.T
            for y in range(height):
                for x in range(width):
                    at, to = y * width + x, (y + u - middle, x + v - middle)
                    normal[at, :, at, :] += mine
                    if 0 <= to[0] < height and 0 <= to[1] < width:
                        q = to[0] * width + to[1]
                        normal[q, :, q, :] += square
                        normal[at, :, q, :] -= cross
                        normal[q, :, at, :] -= cross.T
    matrix = normal.reshape(p * p, p * p)
    matrix[np.diag_indices(p * p)] += 1e-15 * matrix.trace() / (p * p) * p
    factor = linalg.cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    z = np.random.default_rng(0).standard_normal(p * p)
    for _ in range(ROUNDS):
        z = linalg.cho_solve(factor, z, check_finite=False)
        z /= np.linalg.norm(z)
    return z.reshape(p, p)
