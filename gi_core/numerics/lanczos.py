"""Lanczos factorisation A Q_k = Q_k T_k + beta q_{k+1} e_k^T with full reorthogonalisation.

One factorisation from b serves every shift: (A + lambda I)^-1 b ~ Q S (Theta + lambda)^-1 S^T e_1 |b|.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal, solveh_banded
from torch import Tensor

Product = Callable[[Tensor], Tensor]
Stop = Callable[[list[float], list[float], float], bool]
"""(alphas, betas so far, next beta) -> whether the factorisation goes no further."""


def factorise(product: Product, start: Tensor, most: int, stop: Stop) -> tuple[Tensor, list[float], list[float]]:
    """Basis (k, d), diagonal (k) and off-diagonal (k - 1) of T; `stop` is asked after each vector."""
    basis = start.new_zeros(most, start.numel())
    alphas: list[float] = []
    betas: list[float] = []
    q, k = start / start.norm(), 0
    while True:
        basis[k] = q
        w = product(q)
        alphas.append(float(q @ w))
        k += 1
        w = w - basis[:k].T @ (basis[:k] @ w)
        w = w - basis[:k].T @ (basis[:k] @ w)
        beta = float(w.norm())
        broken = beta <= 1e-14 * max(abs(a) for a in alphas)
        if k == most or broken or stop(alphas, betas, beta):
            return basis[:k], alphas, betas
        betas.append(beta)
        q = w / beta


def tridiagonal(
    product: Product,
    start: Tensor,
    most: int,
    settled: Callable[[np.ndarray, int], bool] | None = None,
    every: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """Ritz values, ascending, and the first entries of their vectors (squared: quadrature weights).

    settled(ritz values, k) ends it early, asked `every` so many vectors.
    """

    def stop(alphas: list[float], betas: list[float], beta: float) -> bool:
        if settled is None or len(alphas) % every or len(alphas) < 2:
            return False
        return settled(eigh_tridiagonal(alphas, betas, eigvals_only=True), len(alphas))

    _, alphas, betas = factorise(product, start, most, stop)
    values, vectors = eigh_tridiagonal(alphas, betas)
    return values, vectors[0]


class ShiftedSolver:
    """Solves (A + lambda I) x = b for any lambda >= 0 after one factorisation.

    product: v -> A v, symmetric positive semidefinite. b: (d,). most: largest k.
    shift(theta_max) -> the smallest shift that will be asked for; the factorisation stops when the
    residual there is below eta |b|, tested every 10 vectors. `products` counts products with A.
    """

    def __init__(self, product: Product, b: Tensor, most: int, shift: Callable[[float], float], eta: float = 0.1):
        most = min(most, b.numel())
        self.size = float(b.norm())

        def stop(alphas: list[float], betas: list[float], beta: float) -> bool:
            return len(alphas) % 10 == 0 and self._good(alphas, betas, beta, shift, eta)

        self.basis, alphas, betas = factorise(product, b, most, stop)
        self.products = len(alphas)
        theta, self.vectors = eigh_tridiagonal(alphas, betas)
        self.theta = np.maximum(theta, 0.0)

    @property
    def largest(self) -> float:
        """Estimate of the largest eigenvalue of A (from below)."""
        return float(self.theta[-1])

    def solve(self, shift: float) -> Tensor:
        """(A + shift I)^-1 b in the Krylov space. (d,)"""
        y = self.vectors @ (self.vectors[0] / (self.theta + shift)) * self.size
        return self.basis.T @ torch.from_numpy(y).to(self.basis)

    @staticmethod
    def _good(
        alphas: list[float], betas: list[float], beta: float, shift: Callable[[float], float], eta: float
    ) -> bool:
        """Whether beta |last entry of (T + shift)^-1 e_1| < eta: the residual there, relative to |b|."""
        k = len(alphas)
        top = eigvalsh_tridiagonal(alphas, betas[: k - 1], select="i", select_range=(k - 1, k - 1))
        banded = np.zeros((2, k))
        banded[0, 1:], banded[1] = betas[: k - 1], np.asarray(alphas) + shift(float(top[0]))
        first = np.zeros(k)
        first[0] = 1.0
        try:
            return abs(beta * solveh_banded(banded, first)[-1]) < eta
        except np.linalg.LinAlgError:  # not positive definite at this shift, by rounding: go on
            return False
