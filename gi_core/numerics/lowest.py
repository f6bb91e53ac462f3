"""The lowest part of the spectrum of B = A A^T (d, d), positive semidefinite, by products: what is proved of it, and how surely.

Range: with Q (d, k) orthonormal and P = I - Q Q^T, fresh normal vectors w_1 ... w_r give

    |P A| <= 10 sqrt(2 / pi) max_i |P A w_i|        but for a probability of 10^-r   (Halko, Martinsson and Tropp 2011, lemma 4.1),

and where that is below s, at least d - k eigenvalues of B are below s^2 (Courant-Fischer).
Lanczos: k steps from a vector even on the sphere give a lowest Ritz value t >= lambda_min. An eigenvalue lies within the
Ritz vector's residual of t; none lies below t - e lambda_max, but for a probability of

    1.648 sqrt(d) exp(-sqrt(e) (2 k - 1))           (Kuczynski and Wozniakowski 1992, theorem 4.2, of lambda_max I - B).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from gi_core.numerics.lanczos import Product, factorise
from gi_core.numerics.spectrum import Array

DOUBT = 1e-6
"""Probability that a bound of `lowest` fails. That of `captured` fails far more rarely."""
BLOCK = 32
"""Vectors that are drawn at a time; each block tests what those before it left."""


def captured(draw: Callable[[], Tensor], size: int, most: int, below: float) -> Tensor | None:
    """Q (d, k), k <= most, outside of which A is below `below` in norm; None where so many vectors do not reach that.

    draw() -> A w (d,), w independent standard normal.
    """
    most = min(most, size)
    basis: Tensor | None = None
    k = 0
    while True:
        block = torch.stack([draw() for _ in range(BLOCK)], 1)
        basis = block.new_zeros(size, most) if basis is None else basis
        block = _outside(basis[:, :k], block)
        if 10 * math.sqrt(2 / math.pi) * float(block.norm(dim=0).max()) <= below:
            return basis[:, :k]
        if k + BLOCK > most:
            return None
        found = _outside(basis[:, :k], torch.linalg.qr(block).Q)
        basis[:, k : k + BLOCK] = torch.linalg.qr(found).Q
        k += BLOCK


def _outside(basis: Tensor, block: Tensor) -> Tensor:
    return block - basis @ (basis.T @ block)


@dataclass(frozen=True)
class Lowest:
    """values (k,): Ritz values, ascending, each at least as large as the eigenvalue of its rank. weights (k,): of the Gauss rule
    that they make. residual: |B y - t y| of the lowest, |y| = 1. bound: no eigenvalue lies below it, but for a probability `DOUBT`;
    negative where nothing is proved.
    """

    values: Array
    weights: Array
    residual: float
    bound: float


def lowest(product: Product, start: Tensor, steps: int) -> Lowest:
    """start (d,): drawn evenly on the sphere, as normal numbers are."""
    steps = min(steps, start.numel())
    basis, alphas, betas = factorise(product, start, steps, lambda *_: False)
    values, vectors = eigh_tridiagonal(alphas, betas)
    y = basis.T @ torch.from_numpy(vectors[:, 0].copy()).to(basis)
    residual = float((product(y) - float(values[0]) * y).norm() / y.norm())
    # A factorisation that ends before its time has every eigenvalue, as the start had a part of every eigenvector.
    ended = len(alphas) < steps or steps == start.numel()
    share = 0.0 if ended else (math.log(1.648 * start.numel() ** 0.5 / DOUBT) / (2 * steps - 1)) ** 2
    return Lowest(values, vectors[0] ** 2, residual, float(values[0] - share * values[-1]))
