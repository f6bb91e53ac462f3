"""Objectives of an attacker who knows the defenses: only what contradicts the belief low <= c g <= high counts, by its trust.

seen(g) = g* + (c g - P(c g)), P(v) = clamp(v, low, high), is put in the place of g: a value that was not kept agrees
whatever it is; one that was sent counts as ever, times w = sigma^2 / s^2 of its own noise. With D = |g - g*|^2 this is the
squared distance to the box. Cosine compares g with t = P(a g), a = <g, g*> / <g, g> >= 0, over the values that are bounded
on some side: 1 - cos(g, t), whose slope is taken with t held, as at the t of the box that is nearest in angle.
c = 1, or where the update was clipped c = <g, g*> / <g, g> in (0, 1], the best factor (variable projection).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gi_core.attacks import objectives
from gi_core.attacks.beliefs import FIRST_ORDER_TRUST, MOST_TRUST, Belief
from gi_core.attacks.objectives import Objective

TINY = 1e-30


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
    return rescaled(inside, target, low, high) if belief.rescaled else inside


def consistent(objective: Objective, target: Tensor, low: Tensor, high: Tensor) -> Objective:
    """D(g* + g - P(g)): the distance to the box for every D of the residual's sizes."""

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        return objective(target + g - torch.clamp(g, low, high))

    return evaluate


def rescaled(objective: Objective, target: Tensor, low: Tensor, high: Tensor) -> Objective:
    """D(c g), c = clamp(<g, g*> / <g, g>, 0, 1) over the values that show; dD/dg = c D' + (D' . g) dc/dg."""
    kept = shown(target, low, high)

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        part, c, inside = factor(g, target, kept)
        value, slope = objective(c * g)
        size = (part * part).sum(1, keepdim=True).clamp_min(TINY)
        turn = (target * kept - 2 * c * part) / size * inside
        return value, c * slope + (slope * g).sum(1, keepdim=True) * turn

    return evaluate


def shown(target: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Which values (P,) a factor is fitted to: those sent as something else than zero."""
    return (target != 0) & (torch.isfinite(low) | torch.isfinite(high))


def factor(g: Tensor, target: Tensor, kept: Tensor, most: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """(g at the values `kept`, c (T, 1) in [0, most], whether c is inside its bounds) for g (T, P)."""
    part = g * kept
    c = (part @ (target * kept))[:, None] / (part * part).sum(1, keepdim=True).clamp_min(TINY)
    return part, c.clamp(0.0, most), (c > 0) & (c < most)


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
            _, scale, _ = factor(a, target[here], fit[here], float("inf"))
            t = torch.clamp(scale * a, low[here], high[here])
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
