"""Distances between the candidate's gradient g and the observed g*, with their cotangents.

Each returns D (T,) and v = dD/dg (T, P), so that dD/dx is one vector-Jacobian product and no graph
runs through the objective. Flat gradients (T, P); weights w (P,) or None for equal.
Formulas and names: Geiping et al., Inverting Gradients, NeurIPS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Objective = Callable[[Tensor], tuple[Tensor, Tensor]]


def squared(target: Tensor, w: Tensor | None) -> Objective:
    """D = sum_i w_i (g_i - g*_i)^2."""

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        r = g - target
        v = r if w is None else r * w
        return (v * r).sum(1), 2 * v

    return evaluate


def relative(target: Tensor, w: Tensor | None) -> Objective:
    """D = |g - g*|_w / |g*|_w: free of scale, and of a slope that does not fade near the solution."""
    size = ((target if w is None else target * w) * target).sum().sqrt()

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        r = g - target
        wr = r if w is None else r * w
        length = (wr * r).sum(1).sqrt()
        return length / size, wr / (length.clamp_min(1e-30) * size)[:, None]

    return evaluate


def absolute(target: Tensor, w: Tensor | None) -> Objective:
    """D = sum_i w_i |g_i - g*_i|."""

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        r = g - target
        v = r.sign() if w is None else r.sign() * w
        return (v * r).sum(1), v

    return evaluate


def cosine(target: Tensor, w: Tensor | None) -> Objective:
    """D = 1 - <g, g*>_w / (|g|_w |g*|_w), one cosine over all tensors."""
    wt = target if w is None else target * w
    norm_t = (wt * target).sum().sqrt()
    unit_t = wt / norm_t

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        wg = g if w is None else g * w
        norm = torch.linalg.vector_norm(g, dim=1) if w is None else (wg * g).sum(1).sqrt()
        c = (g @ unit_t) / norm
        v = wg * (c / norm**2)[:, None]
        return 1 - c, v.sub_(unit_t / norm[:, None])

    return evaluate


def largest(target: Tensor, w: Tensor, sizes: Sequence[int]) -> Objective:
    """D = sum over tensors of w_l max_i |g_i - g*_i|."""

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        r, v, value = g - target, torch.zeros_like(g), g.new_zeros(g.shape[0])
        start = 0
        for size in sizes:
            part = r[:, start : start + size]
            top, where = part.abs().max(1, keepdim=True)
            weight = w[start]
            v[:, start : start + size].scatter_(1, where, weight * part.gather(1, where).sign())
            value += weight * top[:, 0]
            start += size
        return value, v

    return evaluate


def cosine_local(target: Tensor, w: Tensor, sizes: Sequence[int], eps: float = 1e-10) -> Objective:
    """D = sum over tensors of 1 - w_l cos_l, with norms no smaller than eps."""

    def evaluate(g: Tensor) -> tuple[Tensor, Tensor]:
        v, value, start = torch.empty_like(g), g.new_zeros(g.shape[0]), 0
        for size in sizes:
            a, t = g[:, start : start + size], target[start : start + size]
            norm = a.norm(dim=1, keepdim=True).clamp_min(eps)
            unit = t / t.norm().clamp_min(eps)
            c = (a @ unit)[:, None] / norm
            v[:, start : start + size] = w[start] * (a * (c / norm) - unit) / norm
            value += 1 - w[start] * c[:, 0]
            start += size
        return value, v

    return evaluate


def depth_weights(kind: str, index: Sequence[int], count: int) -> list[float]:
    """Weight of each tensor by its position among all: 1, (n - i) / n, or exp(-i)."""
    if kind == "linear":
        return [(count - i) / count for i in index]
    if kind == "exponential":
        return [math.exp(-i) for i in index]
    return [1.0 for _ in index]


def make(name: str, target: Tensor, sizes: Sequence[int], weights: Sequence[float]) -> Objective:
    """The objective over the chosen tensors of flat target (P,), their sizes and weights."""
    equal = all(value == 1.0 for value in weights)
    spread = torch.cat([target.new_full((n,), value) for n, value in zip(sizes, weights, strict=True)])
    w = None if equal else spread
    plain = {"l2": squared, "l1": absolute, "cosine": cosine, "relative": relative}
    if name in plain:
        return plain[name](target, w)
    return {"max": largest, "cosine_local": cosine_local}[name](target, spread, sizes)


def choose_tensors(name: str, norms: Sequence[float]) -> list[int]:
    """Indices of the tensors that enter: all, firstN, lastN, or topN by norm. ValueError if too few."""
    count = len(norms)
    if name == "all":
        return list(range(count))
    kind, n = name.rstrip("0123456789"), int("".join(c for c in name if c.isdigit()))
    if n > count:
        raise ValueError(f"tensors {name} asks for {n} tensors, and the update has {count}")
    if kind == "first":
        return list(range(n))
    if kind == "last":
        return list(range(count - n, count))
    return sorted(sorted(range(count), key=lambda i: -norms[i])[:n])
