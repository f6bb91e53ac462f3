"""Two ways to propose directions: null vectors of a few rows, and sparse vectors of the column space by reweighting.

Sampling: b - 1 rows of U that are all off for picture i have q_i for their null vector. With a share p of the units off
for each picture a random choice is right for one of them with p^(b - 1), so rows of small length come first: few pictures
are on there. Reweighting (IRLS): minimise sum log((u_j q)^2 + e^2) with e falling, by inverse power steps on U^T diag(w) U,
w_j = 1 / ((u_j q)^2 + e^2), then the null vector of the smallest entries. Its cost grows with m b^2 alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.recursion.spear.directions import Candidates, Sieve

CHUNK, STARTS = 8192, 32
"""Proposals, and starts of a reweighting, in a step."""
POOLS = (0.25, 0.4, 0.6, 1.0)
"""Shares of the rows, the shortest first, that rows are drawn from in turn."""
WHITE = 1e-6
"""Share of noise from which the shortest rows are noise."""
ITERATIONS = 40


def sampled(sieve: Sieve, count: int, turn: int, generator: torch.Generator) -> Candidates:
    """Candidates among `count` null vectors of b - 1 rows."""
    u, b = sieve.u, sieve.b
    share = POOLS[turn % len(POOLS)] if sieve.reading.share < WHITE else 1.0
    pool = u.norm(dim=1).argsort()[: max(int(share * len(u)), min(len(u), 4 * b))]
    chosen = pool[torch.rand(count, len(pool), generator=generator).topk(b - 1, dim=1).indices]
    system = torch.cat([u[chosen], torch.randn(count, 1, b, generator=generator, dtype=u.dtype)], 1)
    right = u.new_zeros(count, b, 1)
    right[:, -1] = 1.0
    q, info = torch.linalg.solve_ex(system, right)
    q = q[..., 0]
    q = q / q.norm(dim=1, keepdim=True)
    return sieve.sift(q[(info == 0) & torch.isfinite(q).all(1)], generator)


def reweighted(sieve: Sieve, count: int, found: Tensor, generator: torch.Generator) -> Candidates:
    """Candidates of `count` starts; every second one begins outside the span of the directions found (k, b)."""
    u, b = sieve.u, sieve.b
    q = torch.randn(count, b, generator=generator, dtype=u.dtype)
    if 0 < len(found) < b:
        basis = torch.linalg.qr(found.T).Q
        q[::2] -= (q[::2] @ basis) @ basis.T
    q = q / q.norm(dim=1, keepdim=True)
    first, last = float(u.square().mean().sqrt()), 0.0
    noise = sieve.reading.rows[sieve.reading.live].median() / sieve.reading.s.median()
    last = max(float(noise), 1e-7 * first)
    for k in range(ITERATIONS):
        e = first * (last / first) ** (k / (ITERATIONS - 1))
        w = 1.0 / ((u @ q.T).square() + e * e)
        h = torch.einsum("mk,ma,mb->kab", w, u, u)
        factor, _ = torch.linalg.cholesky_ex(h)
        for _ in range(2):
            q = torch.cholesky_solve(q[..., None], factor)[..., 0]
            q = q / q.norm(dim=1, keepdim=True)
    q = q[torch.isfinite(q).all(1)]
    least = max(b + 2, int(sieve.need / 2))
    small = (u @ q.T).abs().topk(min(least, len(u)), dim=0, largest=False).indices.T
    rounded = torch.linalg.svd(u[small])[2][:, -1] if len(q) else q
    return sieve.sift(torch.cat([rounded, q]), generator)
