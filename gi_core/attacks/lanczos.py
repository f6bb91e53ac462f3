"""Lanczos factorisation A Q_k = Q_k T_k + beta q_{k+1} e_k^T with full reorthogonalisation.

One factorisation from b serves every shift: (A + lambda I)^-1 b ~ Q S (Theta + lambda)^-1 S^T e_1 |b|.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
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
        self.theta, self.vectors = np.linalg.eigh(_tridiagonal(alphas, betas))
        self.theta = np.maximum(self.theta, 0.0)

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
        theta, s = np.linalg.eigh(_tridiagonal(alphas, betas))
        last = s[-1] @ (s[0] / (np.maximum(theta, 0) + shift(float(theta[-1]))))
        return abs(beta * last) < eta


def _tridiagonal(alphas: list[float], betas: list[float]) -> np.ndarray:
    return np.diag(alphas) + np.diag(betas[: len(alphas) - 1], 1) + np.diag(betas[: len(alphas) - 1], -1)
