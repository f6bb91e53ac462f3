"""Ranks and conditions of one layer's stacked equations, in float64 and by their structure.

K = I (x) K0 is never written out: null(K0) comes from an SVD of K0, and rank [W; K] = rank K + rank W restricted
to null(K). Cholesky of the normal matrix settles full rank, which it does wherever the condition is below 1e6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse import linalg as iterative

Array = NDArray[np.float64]
SMALL = 1000
"""Up to this many rows or columns ranks are read off singular values at once."""
SETTLED = 1e-6
"""sigma_min / sigma_max above which the normal matrix proves full rank (its own floor is 1e-8)."""


@dataclass(frozen=True)
class Measured:
    """rank_weight: None where it was too large to measure. condition: None where rank is short."""

    kernel_rank: int
    rank_weight: int | None
    rank: int
    condition: float | None


def measure(kernel: Array, weight: sparse.csr_matrix, channels: int) -> Measured:
    """Ranks and condition of the equations for x (channels * pixels): kernel K0 (rows, pixels), weight W (rows, channels * pixels)."""
    pixels = kernel.shape[1]
    kernel = _reduced(kernel)
    kernel_rank, kernel_scale = _kernel_rank(kernel)
    weight_scale = _largest(weight)
    of_kernel, unknowns = channels * kernel_rank, channels * pixels
    share = weight_scale / kernel_scale if weight_scale and kernel_scale else 1.0
    normal = (weight.T @ weight).toarray()
    block = (share * kernel).T @ (share * kernel)
    for c in range(channels):
        normal[c * pixels : (c + 1) * pixels, c * pixels : (c + 1) * pixels] += block
    largest = _extreme(lambda v: weight.T @ (weight @ v) + _by_channel(block, v, channels), unknowns)
    condition = _condition(normal, largest)
    if condition is not None:
        return Measured(kernel_rank, weight_rank(weight), unknowns, condition)
    rank = of_kernel
    if kernel_rank < pixels:
        null = linalg.svd(kernel, full_matrices=True)[2][kernel_rank:].T
        rank += rank_of((weight @ sparse.block_diag([null] * channels, format="csr")).toarray(), weight_scale)
    if rank == unknowns:
        condition = _exact_condition(kernel * share, weight, channels)
    return Measured(kernel_rank, weight_rank(weight), rank, condition)


def rank_of(matrix: Array, scale: float | None = None) -> int:
    """Number of singular values above rounding, of a matrix whose entries came from one of norm `scale`."""
    if not min(matrix.shape) or not matrix.any():
        return 0
    values = linalg.svdvals(matrix)
    rounding = 10 * max(matrix.shape) * np.finfo(float).eps
    return int((values > (values[0] if scale is None else scale) * rounding).sum())


def weight_rank(weight: sparse.csr_matrix) -> int | None:
    """Rank of W: by singular values where small, by Cholesky of W W^T or W^T W where that settles it, else None."""
    rows, columns = weight.shape
    if min(rows, columns) <= SMALL:
        return rank_of(weight.toarray())
    normal = (weight @ weight.T if rows < columns else weight.T @ weight).toarray()
    return min(rows, columns) if _condition(normal, _largest(weight) ** 2) is not None else None


def _by_channel(block: Array, v: Array, channels: int) -> Array:
    return (v.reshape(channels, -1) @ block).ravel()


def _reduced(kernel: Array) -> Array:
    """A matrix with the same singular values and at most as many rows as columns."""
    return linalg.qr(kernel, mode="r")[0][: kernel.shape[1]] if len(kernel) > kernel.shape[1] else kernel


def _kernel_rank(kernel: Array) -> tuple[int, float]:
    """Rank of K0 and its largest singular value."""
    return rank_of(kernel), float(np.linalg.norm(kernel, 2)) if kernel.any() else 0.0


def _condition(normal: Array, largest: float) -> float | None:
    """sqrt(lambda_max / lambda_min) of a normal matrix; None where rounding hides lambda_min."""
    factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(normal))  # several times as fast as scipy's
    if failed or largest <= 0:
        return None
    lower = np.asfortranarray(factor.numpy()), True
    smallest = _extreme(lambda v: linalg.cho_solve(lower, v, check_finite=False), len(normal))
    condition = float(np.sqrt(largest * smallest))
    return condition if np.isfinite(condition) and condition < 1 / SETTLED else None


def _exact_condition(kernel: Array, weight: sparse.csr_matrix, channels: int) -> float | None:
    """The condition, from singular values of the stacked equations; None where there are too many."""
    if weight.shape[1] > SMALL:
        return None
    stacked = np.vstack([weight.toarray(), np.kron(np.eye(channels), kernel)])
    values = np.linalg.svd(stacked, compute_uv=False)
    return float(values[0] / values[-1])


def _largest(matrix: sparse.csr_matrix) -> float:
    if 0 in matrix.shape or matrix.nnz == 0:
        return 0.0
    return float(np.sqrt(_extreme(lambda v: matrix.T @ (matrix @ v), matrix.shape[1])))


def _extreme(apply: Callable[[Array], Array], size: int) -> float:
    """The largest eigenvalue of a symmetric operator, by Lanczos from a fixed start."""
    if size <= 3:
        return float(np.linalg.eigvalsh(np.column_stack([apply(column) for column in np.eye(size)]))[-1])
    operator = iterative.LinearOperator((size, size), matvec=apply, dtype=float)
    start = np.cos(np.arange(size) + 1.0)
    if not apply(start).any():
        return 0.0
    return float(iterative.eigsh(operator, 1, which="LA", v0=start, tol=1e-3, return_eigenvectors=False)[0])
