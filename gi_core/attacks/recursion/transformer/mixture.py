"""What the first attention's gradients say of a batch: the span of all tokens, and one equation for each head.

With dS_n the gradient of picture n's scores, whose rows sum to zero, z^_j the c prefix tokens and a_u = z^_u - z^_1,

    sqrt(d) G_q = W_k M,   sqrt(d) Pi G_k = Pi W_q M^T,   M = A blockdiag(dS_n^T) A^T,   A = [a_u] of all B T patches

where G_q = dL/dW_q - dL/db_q z^_1^T, and Pi is orthogonal to the queries of the prefix. Pictures do not attend to each
other, so X = A diag(c_n I_T) A^-1 has X M = M X^T for any c, and of known matrices alone

    W_k X (Pi G_k)^T = G_q X^T (Pi W_q)^T   for every head.

All of it is written in coordinates of V0, the span of the a_u less the differences of the prefix. This project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.recursion.transformer.attention import equilibrated
from gi_core.attacks.recursion.transformer.projections import Projection, Projections

EQUAL = 1e-6
"""Share of the prefix below which a difference of its tokens is rounding."""


@dataclass(frozen=True)
class Equations:
    """W_k (H, a, m), Pi G_k (H, b, m), G_q (H, a, m) and Pi W_q (H, b, m): W_k X (Pi G_k)^T = G_q X^T (Pi W_q)^T."""

    left: Tensor
    right: Tensor
    left_turned: Tensor
    right_turned: Tensor


class Mixture:
    """projections of width D; known (c, D): what the layer norm makes of the prefix; count: m = B T."""

    def __init__(self, projections: Projections, known: Tensor, count: int):
        self.of, self.known, self.count = projections, known, count
        first = known[:1]
        self.apart = _basis(known[1:] - first, float(known.norm()))
        self.beyond = torch.eye(known.shape[1], dtype=known.dtype) - self.apart.T @ self.apart
        _, self.singular, rows = torch.linalg.svd(equilibrated(self._reading()), full_matrices=False)
        self.span = rows[:count]

    def _less_prefix(self, part: Projection) -> Tensor | None:
        """Its gradient without the first prefix token and the differences of the others; None without a bias."""
        if not len(self.known):
            return part.gradient
        if part.slope is None:
            return None
        return (part.gradient - part.slope[:, None] * self.known[:1]) @ self.beyond

    def _reading(self) -> list[Tensor]:
        """What has its rows in V0. A key's gradient has them there by itself, as rows of dS sum to zero."""
        parts = [self._less_prefix(self.of.query), self.of.key.gradient @ self.beyond, self._less_prefix(self.of.value)]
        return [part for part in parts if part is not None and bool(part.any())]

    def equations(self) -> Equations:
        """In the coordinates of `span`."""
        found = [self._head(h) for h in range(self.of.heads)]
        return Equations(*(torch.stack(parts) for parts in zip(*found, strict=True)))

    def _head(self, h: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = slice(h * self.of.depth, (h + 1) * self.of.depth)
        key, query = self.of.key.weight[rows], self.of.query.weight[rows]
        asked = query if self.of.query.bias is None or len(self.known) else query + self._constant(rows)
        queries = query @ self.known.T
        if self.of.query.bias is not None:
            queries = queries + self.of.query.bias[rows, None]
        across, along = _complement(queries), _complement(key @ self.apart.T)
        return (
            along @ key @ self.span.T, across @ self.of.key.gradient[rows] @ self.span.T,
            along @ self._asking()[rows], across @ asked @ self.span.T,
        )  # fmt: skip

    def _asking(self) -> Tensor:
        """G_q in coordinates of V0, (D, m). Without a bias the first prefix token is told apart by being outside V0."""
        known = self._less_prefix(self.of.query)
        if known is not None:
            return known @ self.span.T
        basis = torch.cat([self.span, self.known[:1] @ self.beyond])
        return torch.linalg.lstsq(basis.T, (self.of.query.gradient @ self.beyond).T).solution.T[:, :-1]

    def _constant(self, rows: slice) -> Tensor:
        """b_q h^T of a network without prefix, with h the functional that is one on every token: dL/dW_v h = dL/db_v."""
        bias, value = self.of.query.bias, self.of.value
        assert bias is not None and value.slope is not None  # or it was refused
        h = torch.linalg.lstsq(value.gradient @ self.span.T, value.slope[:, None], driver="gelsd").solution
        return bias[rows, None] * (self.span.T @ h).T

    def tokens(self, inside: Tensor) -> Tensor:
        """Orthonormal basis (T + c, D) of one picture's tokens and the prefix, for rows (T, m) in coordinates of V0."""
        return torch.linalg.qr(torch.cat([inside @ self.span, self.known]).T).Q.T


def _basis(rows: Tensor, size: float) -> Tensor:
    """Orthonormal rows of the same span; none of what is zero beside `size`, as the prefix tokens of a fresh DeiT are equal."""
    if not len(rows):
        return rows
    _, s, found = torch.linalg.svd(rows, full_matrices=False)
    return found[s > EQUAL * size]


def _complement(columns: Tensor) -> Tensor:
    """(d - k, d): what is orthogonal to k columns (d, k)."""
    depth, count = columns.shape
    if not count:
        return torch.eye(depth, dtype=columns.dtype)
    return torch.linalg.svd(columns, full_matrices=True)[0][:, count:].T
