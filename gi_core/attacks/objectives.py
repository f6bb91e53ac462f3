"""Distances between the candidate's gradient g and the observed g*, with their cotangents.

Each returns D (T,) in float64 and v = dD/dg, so that dD/dx is one vector-Jacobian product and no graph runs through the
objective. g and v are lists of blocks (T, n) (see `numerics.sums.Blocks`), g* of blocks (n,); weights w likewise, or None for equal.
Every sum goes through `sums`: an objective over millions of values is as exact as they are.
Formulas and names: Geiping et al., Inverting Gradients, NeurIPS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gi_core.numerics.sums import Blocks, dot, squares, total, wide

Objective = Callable[[Sequence[Tensor]], tuple[Tensor, list[Tensor]]]
"""Gradients -> (D (T,), the cotangent of each). Over tensors (T, *shape) as `make` gives it, over blocks inside."""
NEAR = 1e-3
"""Below this 1 - cos is worked out from the part of g* across g, without the cancellation."""
TINY = 1e-30


def weighted(r: Sequence[Tensor], w: Sequence[Tensor] | None) -> Sequence[Tensor]:
    """w_i r_i."""
    return r if w is None else [a * b for a, b in zip(r, w, strict=True)]


def inner(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """<a, b> over all blocks, (T,)."""
    return added([squares(p) for p in a] if a is b else [dot(p, q) for p, q in zip(a, b, strict=True)])


def added(values: Sequence[Tensor]) -> Tensor:
    """Their sum, from the first on."""
    return sum(values[1:], values[0])


def length(parts: Sequence[Tensor], w: Sequence[Tensor] | None = None) -> float:
    """|g*|_w of blocks (n,)."""
    pairs = zip(parts, weighted(parts, w), strict=True)
    return sum(float((wide(t) * wide(wt)).sum()) for t, wt in pairs) ** 0.5


def squared(target: Sequence[Tensor], w: Sequence[Tensor] | None) -> Objective:
    """D = sum_i w_i (g_i - g*_i)^2."""

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        r = [a - t for a, t in zip(g, target, strict=True)]
        v = weighted(r, w)
        value = inner(r, v)
        return value, [p.mul_(2) for p in v]

    return evaluate


def relative(target: Sequence[Tensor], w: Sequence[Tensor] | None) -> Objective:
    """D = |g - g*|_w / |g*|_w: free of scale, with a slope that does not fade near the solution."""
    size = length(target, w)

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        r = [a - t for a, t in zip(g, target, strict=True)]
        v = weighted(r, w)
        far = inner(r, v).sqrt()
        factor = (1 / (far.clamp_min(TINY) * size)).to(g[0])[:, None]
        return far / size, [p.mul_(factor) for p in v]

    return evaluate


def absolute(target: Sequence[Tensor], w: Sequence[Tensor] | None) -> Objective:
    """D = sum_i w_i |g_i - g*_i|."""

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        r = [a - t for a, t in zip(g, target, strict=True)]
        sizes = [total(p) for p in weighted([a.abs() for a in r], w)]
        return added(sizes), list(weighted([a.sign_() for a in r], w))

    return evaluate


def cosine(target: Sequence[Tensor], w: Sequence[Tensor] | None, eps: float = 0.0) -> Objective:
    """D = 1 - <g, g*>_w / (|g|_w |g*|_w), one cosine over all tensors, with norms no smaller than eps.

    dD/dg = -(u - k g) / |g| with u = g* / |g*|, k = <g, u> / |g|^2; |u - k g|^2 = 1 - cos^2 gives D where it is small.
    """
    size = length(target, w) if not eps else max(length(target, w), eps)
    unit = [t / size for t in target]
    one = length(unit, w) ** 2  # up to rounding

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        wg = weighted(g, w)
        square, along = inner(g, wg), inner(wg, unit)
        norm = (square * one).sqrt().clamp_min(eps)
        c, k = along / norm, -(along / square.clamp_min(eps**2))
        if len(k) == 1 and not k.is_cuda:
            alpha = float(k)
            across = [torch.add(u, a, alpha=alpha) for u, a in zip(unit, g, strict=True)]
        else:
            each = k.to(g[0])[:, None]
            across = [torch.addcmul(u, a, each) for u, a in zip(unit, g, strict=True)]
        v, value = weighted(across, w), 1 - c
        if c.is_cuda or bool((value < NEAR).any()):
            value = torch.where(value < NEAR, inner(across, v) / (one * (1 + c)), value)
        factor = (-1 / norm).to(g[0])[:, None]
        return value, [p.mul_(factor) for p in v]

    return evaluate


def largest(target: Sequence[Tensor], w: Sequence[float]) -> Objective:
    """D = sum over tensors, a block each, of w_l max_i |g_i - g*_i|."""

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        values, v = [], []
        for a, t, weight in zip(g, target, w, strict=True):
            r = a - t
            top, where = r.abs().max(1, keepdim=True)
            v.append(torch.zeros_like(r).scatter_(1, where, weight * r.gather(1, where).sign()))
            values.append(weight * wide(top[:, 0]))
        return added(values), v

    return evaluate


def cosine_local(target: Sequence[Tensor], w: Sequence[float], eps: float = 1e-10) -> Objective:
    """D = sum over tensors, a block each, of 1 - w_l cos_l, with norms no smaller than eps."""
    alone = [cosine([t], None, eps) for t in target]

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        values, v = [], []
        for objective, a, weight in zip(alone, g, w, strict=True):
            value, (slope,) = objective([a])
            values.append(1 - weight + weight * value)
            v.append(slope if weight == 1.0 else slope.mul_(weight))
        return added(values), v

    return evaluate


def depth_weights(kind: str, index: Sequence[int], count: int) -> list[float]:
    """Weight of each tensor by its position among all: 1, (n - i) / n, or exp(-i)."""
    if kind == "linear":
        return [(count - i) / count for i in index]
    if kind == "exponential":
        return [math.exp(-i) for i in index]
    return [1.0 for _ in index]


WHOLE = {"l2": squared, "l1": absolute, "cosine": cosine, "relative": relative}
BY_TENSOR = {"max": largest, "cosine_local": cosine_local}


def make(name: str, target: Sequence[Tensor], weights: Sequence[float]) -> Objective:
    """The objective over the chosen tensors g*_l (*shape), with the weight of each."""
    blocks = Blocks([t.numel() for t in target], apart=name in BY_TENSOR)
    return over_tensors(of_blocks(name, blocks.row(target), spread(blocks, target, weights), weights), blocks)


def of_blocks(name: str, target: list[Tensor], w: list[Tensor] | None, weights: Sequence[float]) -> Objective:
    """The objective over blocks: w of each value, weights of each tensor."""
    return WHOLE[name](target, w) if name in WHOLE else BY_TENSOR[name](target, weights)


def spread(blocks: Blocks, target: Sequence[Tensor], weights: Sequence[float]) -> list[Tensor] | None:
    """The weight of each tensor at each of its values; None where all are 1."""
    if all(value == 1.0 for value in weights):
        return None
    return blocks.row([torch.full_like(t, value) for t, value in zip(target, weights, strict=True)])


def over_tensors(objective: Objective, blocks: Blocks) -> Objective:
    """The same with gradients and cotangents (T, *shape) of each tensor."""

    def evaluate(g: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        value, v = objective(blocks.join(g))
        return value, blocks.split(v, g)

    return evaluate


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
