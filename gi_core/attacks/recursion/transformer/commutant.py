"""The null space of X -> (W_k X (Pi G_k)^T - G_q X^T (Pi W_q)^T) over heads (see `mixture`), whitened.

Each head is scaled by (|W_k| |G_k| + |W_q| |G_q|)^-1/2, and X = U (Y / sqrt(1 + w w'^T)) V^T, where U makes sum W_k^T W_k
the identity and sum W_q^T W_q = diag(w), and V does so with the gradients, to w'. That raises the gap behind the null
space by orders. Two engines: the normal matrix with shift-inverse iteration, or a random matrix projected on the
null space by conjugate gradients for least squares.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gi_core.attacks.recursion.transformer.mixture import Equations

DENSE = 80
"""m up to which the normal matrix of m^2 unknowns is formed in any case: 330 MB, and its factor as much."""
MOST_DENSE, CROWDED = 112, 0.4
"""m up to which it is formed at all (1.3 GB, and its factor as much), and the unknowns' share of the equations from which that
pays: conjugate gradients stall where there are few equations more than unknowns.
"""
SPARE, SHIFTED, REFINED = 2, 8, 3
"""Null vectors more than pictures, iterations of the inverse, and refinements of those with the operator itself."""
ENOUGH = 1e-11
ROUNDS, EACH = 4, 50
"""Rounds of conjugate gradients in a step of the attack, and iterations of a round."""
SLOW, STILL = 0.04, 1e-3
"""Share by which |L Y| / |Y| and |Y| fall in two rounds when all that is left of Y is null. Further iterations would take
that away too, as with rounded numbers nothing is null exactly.
"""


def dense(count: int, equations: int) -> bool:
    """Whether the first engine is to be taken for m = `count`."""
    return count <= DENSE or (count <= MOST_DENSE and count**2 > CROWDED * equations)


class Commutant:
    """The operator and its adjoint, in whitened coordinates Y (m, m)."""

    def __init__(self, equations: Equations):
        left, right, left_turned, right_turned = (
            equations.left, equations.right, equations.left_turned, equations.right_turned,
        )  # fmt: skip
        sizes = _size(left) * _size(right) + _size(left_turned) * _size(right_turned)
        scale = sizes.clamp_min(1e-300).rsqrt()[:, None, None]
        left, right, left_turned, right_turned = (t * scale for t in (left, right, left_turned, right_turned))
        self.u, w = _both(left, right_turned)
        self.v, w_turned = _both(right, left_turned)
        self.shrink = (1 + w[:, None] * w_turned).rsqrt()
        self.left, self.right_turned = left @ self.u, right_turned @ self.u
        self.right, self.left_turned = right @ self.v, left_turned @ self.v
        self.count = left.shape[2]

    def apply(self, y: Tensor) -> Tensor:
        """(H, a, b)."""
        x = y * self.shrink
        return self.left @ x @ self.right.mT - self.left_turned @ x.mT @ self.right_turned.mT

    def back(self, r: Tensor) -> Tensor:
        """The adjoint of `apply`, (m, m)."""
        x = (self.left.mT @ r @ self.right).sum(0) - (self.right_turned.mT @ r.mT @ self.left_turned).sum(0)
        return x * self.shrink

    def plain(self, y: Tensor) -> Tensor:
        """X of length one."""
        x = self.u @ (y * self.shrink) @ self.v.mT
        return x / x.norm()

    def identity(self) -> Tensor:
        """Y of the X that is always there."""
        y = torch.linalg.inv(self.u) @ torch.linalg.inv(self.v).mT / self.shrink
        return y / y.norm()


def _size(parts: Tensor) -> Tensor:
    return parts.flatten(1).norm(dim=1)


def _both(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """(U, w) with U^T (sum one^T one) U = I and U^T (sum other^T other) U = diag(w), without squaring `one`."""
    r = torch.linalg.qr(one.flatten(0, 1), mode="r").R
    size = r.diagonal().abs()
    r = r + torch.diag(torch.where(size < 1e-14 * size.max(), 1e-14 * size.max(), 0.0))
    inverse = torch.linalg.solve_triangular(r, torch.eye(len(r), dtype=r.dtype), upper=True)
    _, s, rows = torch.linalg.svd(other.flatten(0, 1) @ inverse, full_matrices=False)
    return inverse @ rows.T, s.square()


def normal(c: Commutant) -> Tensor:
    """(m^2, m^2), of Y row by row, a row of Y at a time: sums over heads of products of matrices (m, m)."""
    m = c.count
    w, g = c.left.mT @ c.left, (c.right.mT @ c.right).flatten(1)
    p, q = c.right_turned.mT @ c.right_turned, (c.left_turned.mT @ c.left_turned).flatten(1)
    wq, gp = c.left.mT @ c.left_turned, c.right.mT @ c.right_turned
    found = torch.empty(m, m, m, m, dtype=c.left.dtype)
    for i in range(m):
        plain = (w[:, i].T @ g + p[:, i].T @ q).view(m, m, m)  # (k, j, l)
        mixed = (wq[:, i].T @ gp.flatten(1)).view(m, m, m)  # (l, j, k)
        turned = (gp[:, :, i].T @ wq.flatten(1)).view(m, m, m)  # (l, k, j)
        found[i] = plain.permute(1, 0, 2) - mixed.permute(1, 2, 0) - turned.permute(2, 1, 0)
    flat, shrink = found.view(m * m, m * m), c.shrink.reshape(-1)
    return flat.mul_(shrink).mul_(shrink[:, None])


def null_space(c: Commutant, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """(count, m, m) matrices X of length one with the least |L Y| / |Y|, and those of them and the `SPARE` next, ascending."""
    m = c.count
    factor = _shifted(normal(c))
    draws = torch.Generator().manual_seed(seed)
    basis = torch.randn(m * m, count + SPARE, dtype=torch.float64, generator=draws)
    basis[:, 0] = c.identity().reshape(-1)
    basis = torch.linalg.qr(basis).Q
    for _ in range(SHIFTED):
        basis = torch.linalg.qr(torch.cholesky_solve(basis, factor)).Q

    def each(work: Any, vectors: Tensor) -> Tensor:
        return torch.stack([work(v.reshape(m, m)).reshape(-1) for v in vectors.T], 1)

    def sorted_by_size(vectors: Tensor) -> tuple[Tensor, Tensor]:
        _, s, rows = torch.linalg.svd(each(c.apply, vectors), full_matrices=False)
        return vectors @ rows.T.flip(1), s.flip(0)

    basis, sizes = sorted_by_size(basis)
    for _ in range(REFINED):
        least = basis[:, :count]
        least = least - torch.cholesky_solve(each(lambda y: c.back(c.apply(y)), least), factor)
        basis, sizes = sorted_by_size(torch.linalg.qr(torch.cat([least, basis[:, count:]], 1)).Q)
    return torch.stack([c.plain(v.reshape(m, m)) for v in basis[:, :count].T]), sizes


def _shifted(matrix: Tensor) -> Tensor:
    """The Cholesky factor of a matrix that is singular, by the least shift that lets it be one."""
    shift = 1e-14 * float(matrix.diagonal().max())
    while True:
        matrix.diagonal().add_(shift)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if not failed:
            return factor
        shift *= 10


def started(c: Commutant, seed: int) -> dict[str, Any]:
    """The second engine's state: a random Y without its part along the identity."""
    draws = torch.Generator().manual_seed(seed)
    y, one = torch.randn(c.count, c.count, dtype=torch.float64, generator=draws), c.identity()
    y = y - (y * one).sum() * one
    y = y / y.norm()
    r = c.apply(y)
    slope = c.back(r)
    return {
        "y": y, "rest": r, "along": slope.clone(), "size": float(slope.square().sum()), "seen": [], "sizes": [],
        "iterations": 0,
    }  # fmt: skip


def further(c: Commutant, state: dict[str, Any]) -> bool:
    """Iterations of y - L^+ L y. Returns whether what is left is null."""
    return any(_round(c, state) for _ in range(ROUNDS))


def _round(c: Commutant, state: dict[str, Any]) -> bool:
    y, rest, along, size = state["y"], state["rest"], state["along"], state["size"]
    for _ in range(EACH):
        moved = c.apply(along)
        step = size / max(float(moved.square().sum()), 1e-300)
        y, rest = y - step * along, rest - step * moved
        slope = c.back(rest)
        after = float(slope.square().sum())
        along, size = slope + (after / max(size, 1e-300)) * along, after
    state |= {"y": y, "rest": rest, "along": along, "size": size, "iterations": state["iterations"] + EACH}
    state["sizes"].append(float(y.norm()))
    state["seen"].append(float(c.apply(y).norm()) / state["sizes"][-1])
    seen, sizes = state["seen"], state["sizes"]
    if seen[-1] < ENOUGH:
        return True
    return len(seen) > 2 and seen[-1] > (1 - SLOW) * seen[-3] and sizes[-1] > (1 - STILL) * sizes[-3]


def projected(c: Commutant, state: dict[str, Any]) -> Tensor:
    """The X that the second engine ends with."""
    one = c.identity()
    return c.plain(state["y"] - (state["y"] * one).sum() * one)
