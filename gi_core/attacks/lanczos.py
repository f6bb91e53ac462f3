"""Lanczos factorisation A Q_k = Q_k T_k + beta q_{k+1} e_k^T with full reorthogonalisation.

One factorisation from b serves every shift: (A + lambda I)^-1 b ~ Q S (Theta + lambda)^-1 S^T e_1 |b|.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal, solveh_banded
from torch import Tensor


class ShiftedSolver:
    """Solves (A + lambda I) x = b for any lambda >= 0 after one factorisation.

    product: v -> A v, symmetric positive semidefinite. b: (d,). most: largest k.
    shift(theta_max) -> the smallest shift that will be asked for; the factorisation stops when the
    residual there is below eta |b|, tested every 10 vectors. `products` counts products with A.
    """

    def __init__(
        self,
        product: Callable[[Tensor], Tensor],
        b: Tensor,
        most: int,
        shift: Callable[[float], float],
        eta: float = 0.1,
    ):
        most = min(most, b.numel())
        self.size = float(b.norm())
        basis = b.new_zeros(most, b.numel())
        alphas, betas = [], []
        q, k = b / self.size, 0
        while True:
            basis[k] = q
            w = product(q)
            alphas.append(float(q @ w))
            k += 1
            w = w - basis[:k].T @ (basis[:k] @ w)
            w = w - basis[:k].T @ (basis[:k] @ w)
            beta = float(w.norm())
            broken = beta <= 1e-14 * max(abs(a) for a in alphas)
            if k == most or broken or (k % 10 == 0 and self._good(alphas, betas, beta, shift, eta)):
                break
            betas.append(beta)
            q = w / beta
        self.basis, self.products = basis[:k], k
        theta, self.vectors = eigh_tridiagonal(alphas, betas[: k - 1])
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
