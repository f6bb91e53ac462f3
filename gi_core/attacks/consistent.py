"""Objectives of an attacker who knows the defenses: only what contradicts the belief low <= c g <= high counts, by its trust.

seen(g) = g* + (c g - P(c g)), P(v) = clamp(v, low, high), is put in the place of g: a value that was not kept agrees
whatever it is; one that was sent counts as ever, times w = sigma^2 / s^2 of its own noise. With D = |g - g*|^2 this is the
squared distance to the box. Cosine compares g with t = P(a g), a = <g, g*> / <g, g> >= 0, over the values that are bounded
on some side: 1 - cos(g, t), whose slope is taken with t held, as at the t of the box that is nearest in angle.
c = 1, or where the update was clipped c = min(1, L / |g|) with L the length that was sent, less its noise: what clipping
to L would make of g.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gi_core.attacks import objectives
from gi_core.attacks.beliefs import FIRST_ORDER_TRUST, MOST_TRUST, Belief
from gi_core.attacks.objectives import Objective

TINY = 1e-30
SHORTEST = 1e-4
"""Of the square of the length sent: where noise is longer than that, next to nothing is known of the length."""


def most_trust(second_order: bool) -> float:
    """How unequally values may count, by how the objective is searched."""
    return MOST_TRUST if second_order else FIRST_ORDER_TRUST


def make(
    name: str, target: Tensor, sizes: Sequence[int], weights: Sequence[float], belief: Belief, second_order: bool = True
) -> Objective:
    """The objective `name` of `objectives.make` under a belief about the same tensors, flat target (P,)."""
    low, high = belief.flat()
    w = torch.cat([target.new_full((n,), value) for n, value in zip(sizes, weights, strict=True)])
    _, trust = belief.noise(most_trust(second_order))
    if name in ("cosine", "cosine_local") and trust is None and not belief.boxed:
        return objectives.make(name, target, sizes, weights)
    if name == "cosine_local":
        return angle(target, low, high, sizes, torch.ones_like(w), weights)
    if name == "cosine":
        return angle(target, low, high, [len(target)], w if trust is None else w * trust, [1.0])
    if name == "max" or (trust is None and all(value == 1.0 for value in weights)):
        plain = objectives.make(name, target, sizes, weights)
    else:
        trust = None if trust is None else trust.sqrt() if name == "l1" else trust
        squares = {"l2": objectives.squared, "relative": objectives.relative, "l1": objectives.absolute}
        plain = squares[name](target, w if trust is None else w * trust)
    inside = consistent(plain, target, low, high) if belief.boxed else plain
    return rescaled(inside, *length_sent(target, belief), unit(name, target, belief)) if belief.rescaled else inside


def unit(name: str, target: Tensor, belief: Belief) -> float:
    """What the objective is divided by: a clipped gradient may be tiny, and a search's tolerances are absolute."""
    if not belief.rescaled:
        return 1.0
    return length_sent(target, belief)[0] ** {"l2": 2, "l1": 1, "max": 1}.get(name, 0)


def consistent(objective: Objective, target: Tensor, low: Tensor, high: Tensor) -> Objective:
    """D(g* + g - P(g)): the distance to the box for every D of the residual's sizes."""

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        return objective(target + g - torch.clamp(g, low, high))

    return evaluate


def rescaled(objective: Objective, length: float, kept: Tensor, size: float = 1.0) -> Objective:
    """D(c g) / size, c = min(1, L / |g|) over the values kept; its slope c D' - (D' . g) c g / |g|^2 where c < 1."""

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        part, c = shortened(g, length, kept)
        value, slope = objective(c * g)
        square = (part * part).sum(1, keepdim=True).clamp_min(TINY)
        slope = c * slope - (slope * g).sum(1, keepdim=True) * c * part / square * (c < 1)
        return value / size, slope / size

    return evaluate


def length_sent(target: Tensor, belief: Belief) -> tuple[float, Tensor]:
    """(L, kept): the length of the values (P,) that were kept, less what the noise adds to it on average."""
    kept = shown(target, *belief.flat())
    spread = torch.cat([t.reshape(-1) for t in belief.spread])
    square = float(((target * kept).square() - (spread * kept).square()).double().sum())
    return max(square, SHORTEST * float((target * kept).double().square().sum())) ** 0.5, kept


def shortened(g: Tensor, length: float, kept: Tensor) -> tuple[Tensor, Tensor]:
    """(g at the values kept (T, P), c (T, 1)) for g (T, P)."""
    part = g * kept
    return part, (length / part.norm(dim=1, keepdim=True).clamp_min(TINY)).clamp_max(1.0)


def shown(target: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Which values (P,) have a size to go by: those sent as something else than zero."""
    return (target != 0) & (torch.isfinite(low) | torch.isfinite(high))


def fitted(g: Tensor, target: Tensor, kept: Tensor) -> Tensor:
    """a (T, 1) >= 0 that brings a g nearest to the target over the values kept."""
    part = g * kept
    return ((part @ (target * kept))[:, None] / (part * part).sum(1, keepdim=True).clamp_min(TINY)).clamp_min(0.0)


def angle(
    target: Tensor, low: Tensor, high: Tensor, sizes: Sequence[int], w: Tensor, weights: Sequence[float]
) -> Objective:
    """sum over parts of 1 - weight cos_w(g, P(a g)), each part with its own a; a part of which nothing is known is left out."""
    told = torch.isfinite(low) | torch.isfinite(high)
    fit, w = shown(target, low, high), w * told

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        v, value, start = torch.zeros_like(g), g.new_zeros(g.shape[0]), 0
        for size, weight in zip(sizes, weights, strict=True):
            here = slice(start, start + size)
            start += size
            a, wp = g[:, here], w[here]
            t = torch.clamp(fitted(a, target[here], fit[here]) * a, low[here], high[here])
            t = torch.where(told[here], t, torch.zeros_like(t))
            wa = a * wp
            norm, length = (wa * a).sum(1, keepdim=True).sqrt(), (wp * t * t).sum(1, keepdim=True).sqrt()
            seen = (length > 0).to(g)
            unit = wp * t / length.clamp_min(TINY)
            c = (a * unit).sum(1, keepdim=True) / norm.clamp_min(TINY)
            v[:, here] = weight * seen * (wa * (c / norm.clamp_min(TINY)) - unit) / norm.clamp_min(TINY)
            value += (seen * (1 - weight * c))[:, 0]
        return value, v

    return evaluate
