"""Objectives under a belief low <= c g <= high: only what contradicts it counts, weighted by the trust in each value.

seen(g) = g* + (c g - P(c g)), P(v) = clamp(v, low, high), takes the place of g. A value that was not kept agrees whatever it
is; one that was sent counts as in the plain objective, times w = sigma^2 / s^2 of its own noise. With D = |g - g*|^2 this is
the squared distance to the box. Cosine compares g with t = P(a g), a = <g, g*> / <g, g> >= 0, over the values that are bounded
on some side: 1 - cos(g, t), whose slope is taken with t held, as at the t of the box that is nearest in angle.
c = 1, or where the update was clipped c = min(1, L / |g|) with L the length that was sent, less its noise: what clipping
to L would make of g.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gi_core.attacks import objectives
from gi_core.attacks.adaptive.beliefs import FIRST_ORDER_TRUST, MOST_TRUST, Belief
from gi_core.attacks.objectives import TINY, Objective, added, inner, weighted
from gi_core.numerics.sums import Blocks, wide

SHORTEST = 1e-4
"""Floor of the squared length, as a share of the squared length sent, for noise that is longer than the update."""


def most_trust(second_order: bool) -> float:
    """Bound on how unequally values count (`Belief.noise`), by how the objective is searched."""
    return MOST_TRUST if second_order else FIRST_ORDER_TRUST


def make(
    name: str, target: Sequence[Tensor], weights: Sequence[float], belief: Belief, second_order: bool = True
) -> Objective:
    """The objective `name` of `objectives.make` under a belief about the same tensors."""
    trust = belief.noise(most_trust(second_order))[1]
    if name in ("cosine", "cosine_local") and trust is None and not belief.boxed:
        return objectives.make(name, target, weights)
    blocks = Blocks([t.numel() for t in target], apart=name in objectives.BY_TENSOR)
    trusted = None if trust is None else blocks.row(trust.split(blocks.sizes))
    return objectives.over_tensors(_of_blocks(name, blocks, target, weights, belief, trusted), blocks)


def _of_blocks(
    name: str, blocks: Blocks, target: Sequence[Tensor], weights: Sequence[float], belief: Belief,
    trust: list[Tensor] | None,
) -> Objective:  # fmt: skip
    seen, low, high = blocks.row(target), blocks.row(belief.low), blocks.row(belief.high)
    if name == "cosine_local":
        return angle(seen, low, high, None, weights)
    w = objectives.spread(blocks, target, weights)
    if name == "cosine":
        return angle(seen, low, high, _product(w, trust), None)
    if trust is not None and name != "max":
        w = _product(w, [t.sqrt() for t in trust] if name == "l1" else trust)
    plain = objectives.of_blocks(name, seen, w, weights)
    inside = consistent(plain, seen, low, high) if belief.boxed else plain
    if not belief.rescaled:
        return inside
    length, kept = length_sent(target, belief)
    return rescaled(inside, length, blocks.row(kept), unit(name, target, belief))


def _product(a: list[Tensor] | None, b: list[Tensor] | None) -> list[Tensor] | None:
    return b if a is None else list(weighted(a, b))


def unit(name: str, target: Sequence[Tensor], belief: Belief) -> float:
    """Divisor of the objective: a clipped gradient may be tiny, and a search's tolerances are absolute."""
    if not belief.rescaled:
        return 1.0
    return length_sent(target, belief)[0] ** {"l2": 2, "l1": 1, "max": 1}.get(name, 0)


def consistent(
    objective: Objective, target: Sequence[Tensor], low: Sequence[Tensor], high: Sequence[Tensor]
) -> Objective:
    """D(g* + g - P(g)): the distance to the box, for an objective D of the residual's sizes."""

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        ends = zip(g, target, low, high, strict=True)
        return objective([t + a - torch.clamp(a, lo, hi) for a, t, lo, hi in ends])

    return evaluate


def rescaled(objective: Objective, length: float, kept: Sequence[Tensor], size: float = 1.0) -> Objective:
    """D(c g) / size, c = min(1, L / |g|) over the values kept; its slope c D' - (D' . g) c g / |g|^2 where c < 1."""

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        part, c, square = shortened(g, length, kept)
        factor = c.to(g[0])[:, None]
        value, slope = objective([factor * a for a in g])
        along = inner(slope, g) * c / square.clamp_min(TINY) * (c < 1)
        k = (-along / size).to(g[0])[:, None]
        return value / size, [p.mul_(factor / size).addcmul_(a, k) for p, a in zip(slope, part, strict=True)]

    return evaluate


def length_sent(target: Sequence[Tensor], belief: Belief) -> tuple[float, list[Tensor]]:
    """(L, kept): the length of the values that were kept, less what the noise adds to it on average."""
    sides = zip(target, belief.low, belief.high, strict=True)
    kept = [(t != 0) & (torch.isfinite(low) | torch.isfinite(high)) for t, low, high in sides]
    square = _square(target, kept)
    return max(square - _square(belief.spread, kept), SHORTEST * square) ** 0.5, kept


def _square(parts: Sequence[Tensor], kept: Sequence[Tensor]) -> float:
    return sum(float(wide(p * k).square().sum()) for p, k in zip(parts, kept, strict=True))


def shortened(g: Sequence[Tensor], length: float, kept: Sequence[Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
    """(g at the values kept (T, n) of each, c (T,), the square of its length (T,)) for g (T, n) of each."""
    part = [a * k for a, k in zip(g, kept, strict=True)]
    square = inner(part, part)
    return part, (length / square.sqrt().clamp_min(TINY)).clamp_max(1.0), square


def angle(
    target: Sequence[Tensor], low: Sequence[Tensor], high: Sequence[Tensor], w: Sequence[Tensor] | None,
    weights: Sequence[float] | None,
) -> Objective:  # fmt: skip
    """1 - cos_w(g, P(a g)) over all blocks together; with weights, the sum over blocks of 1 - weight cos, each with its
    own a. Values without any bound are left out.
    """
    known = [(torch.isfinite(lo) | torch.isfinite(hi)) for lo, hi in zip(low, high, strict=True)]
    fit = [((t != 0) & k).to(t) for t, k in zip(target, known, strict=True)]
    w = [k.to(t) for k, t in zip(known, target, strict=True)] if w is None else weighted(known, w)
    all_of = range(len(target))
    groups = [(list(all_of), 1.0)] if weights is None else [([i], weight) for i, weight in enumerate(weights)]

    def one(g: Sequence[Tensor], here: list[int], weight: float) -> tuple[Tensor, list[Tensor]]:
        part = [g[i] * fit[i] for i in here]
        a = inner(part, [target[i] for i in here]) / inner(part, part).clamp_min(TINY)
        a = a.clamp_min(0.0).to(g[0])[:, None]
        t = [torch.where(known[i], torch.clamp(a * g[i], low[i], high[i]), torch.zeros_like(g[i])) for i in here]
        wa, wt = [g[i] * w[i] for i in here], [p * w[i] for p, i in zip(t, here, strict=True)]
        norm = inner(wa, [g[i] for i in here]).sqrt().clamp_min(TINY)
        length = inner(wt, t).sqrt()
        seen = length > 0
        c = inner([g[i] for i in here], wt) / (length.clamp_min(TINY) * norm)
        along, across = ((k * seen * weight / norm).to(g[0])[:, None] for k in (c / norm, 1 / length.clamp_min(TINY)))
        return seen * (1 - weight * c), [p * along - q * across for p, q in zip(wa, wt, strict=True)]

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        found = [one(g, here, weight) for here, weight in groups]
        return added([far for far, _ in found]), [p for _, slopes in found for p in slopes]

    return evaluate
