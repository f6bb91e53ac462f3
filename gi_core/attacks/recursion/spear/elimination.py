"""Sums of columns taken apart by the directions that are there: v = a_i + c a_k  ->  a_i.

Where unit j is off for i and on for k, v_j / a_kj = c. So c is the value at which the ratios v_j / (U q_k)_j pile up, and
v - c q_k is zero there too. A sum of several loses one part after another, as long as more entries are zero each time; what is
found so was never proposed itself. Of this project.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.recursion.spear.directions import Candidates, Sieve

WINDOWS = (3, 8)
"""Ratios that must lie closest together for their middle to be tried."""
GAIN = 2
"""Zeros that a direction must gain by it."""


def settled(sieve: Sieve, found: Candidates) -> Candidates:
    """Each direction without what the others add to it, by falling number of zeros again."""
    q, zeros = found.q.clone(), found.zeros.clone()
    moved = len(q) > 1
    for _ in range(sieve.b):
        if not moved:
            break
        moved = False
        for k in range(len(q)):
            others = torch.cat([q[:k], q[k + 1 :]])
            better, count = purer(sieve, q[k], int(zeros[k]), others)
            if count > int(zeros[k]):
                q[k], zeros[k], moved = better, count, True
    return sieve.joined(Candidates(q, zeros, found.hits), Candidates.none(sieve.b))


def purer(sieve: Sieve, v: Tensor, zeros: int, others: Tensor) -> tuple[Tensor, int]:
    """(v without a multiple of one of the others (k, b), its zeros), where that has the most zeros; else v itself."""
    told = ~(sieve.zeros(v[None]) | sieve.zeros(others))
    ratios = (sieve.u @ v)[:, None] / (sieve.u @ others.T)
    ordered = torch.where(told, ratios, torch.inf).sort(dim=0).values
    tried = []
    for window in WINDOWS:
        if len(ordered) <= window:
            continue
        spread = ((ordered[window:] - ordered[:-window]) / (1 + ordered[:-window].abs())).nan_to_num(nan=torch.inf)
        at = spread.argmin(0)
        c = ordered[at + window // 2, torch.arange(len(others))]
        tried.append(torch.where(torch.isfinite(c), c, torch.zeros_like(c)))
    if not tried:
        return v, zeros
    made = v - torch.cat(tried)[:, None] * others.repeat(len(tried), 1)
    made = made / made.norm(dim=1, keepdim=True).clamp_min(1e-300)
    count = sieve.zeros(made).sum(0)
    best = int(count.argmax())
    if int(count[best]) < zeros + GAIN:
        return v, zeros
    refined = sieve.refined(made[best][None])
    if not len(refined.q) or int(refined.zeros[0]) < zeros + GAIN:
        return v, zeros
    return refined.q[0], int(refined.zeros[0])
