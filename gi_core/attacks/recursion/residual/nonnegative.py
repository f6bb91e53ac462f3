"""What it adds that no value is negative, where a gradient's equations of an activation are short, or see a direction badly.

An activation that came out of a ReLU has x >= 0 with many exact zeros. With x = x0 + V b, V the unseen directions,
each zero bounds b by a halfspace: where there are far more of those than directions, one point is left. Found by
Newton's method on |relu(-x)|^2, then settled by active sets: min |K_P x_P - g| over the positive places P alone, which
takes the badly seen directions out of the equations, so that their residual shows whether P is right.
Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from gi_core.attacks.recursion.residual.equations import ROUNDING, Found, Rows
from gi_core.numerics.convolution_maps import Array

NEWTON, SETS, AT_ONCE = 60, 25, 24
"""Steps of Newton's method and of the active sets; places that enter at a step."""
CLEARLY = 4.0
"""Times its rounding by which a value is negative, or an equation missed."""
DETERMINED = 1.05
"""Equations that are asked for, over positive places: fewer can always be met."""
WIDEST = 0.25
"""Unseen directions over values, above which the zeros of a half active channel cannot tell them."""
MET = 1e-5
"""Relative residual up to which a channel's values are believed."""
TINY = 1e-300


@dataclass(frozen=True)
class _Equations:
    """K x = target of every channel, with gram = K^T K."""

    kernel: Array
    target: Array
    gram: Array

    @property
    def rows(self) -> int:
        return len(self.kernel)


def fill(found: Found, parts: list[Rows]) -> Found:
    """`found` with its free directions filled in, where values that are not negative determine them; else as it was."""
    if found.free is None or found.sure is None or found.free.shape[1] > WIDEST * len(found.free):
        return found
    kernel = np.concatenate([p.kernel for p in parts])
    equations = _Equations(kernel, np.concatenate([p.target for p in parts]), kernel.T @ kernel)
    x, error = np.zeros((len(found.x), kernel.shape[1])), np.zeros((len(found.x), kernel.shape[1]))
    worst, sure = 0.0, found.sure.reshape(len(x), -1)
    usual = max(float(np.sqrt((equations.target**2).mean())), TINY)
    for c in range(len(x)):
        g = equations.target[:, c]
        if np.linalg.norm(g) <= ROUNDING * usual:  # a dead channel
            error[c] = ROUNDING * usual
            continue
        of_channel = _channel(equations, g, _feasible(sure[c], found.free))
        if of_channel is None:
            return found
        x[c], error[c], residual = of_channel
        worst = max(worst, residual)
    shape = found.x.shape
    return replace(
        found, x=x.reshape(shape), error=error.reshape(shape), rank=x.shape[1], residual=worst, free=None, sure=None,
        condition=min(found.condition, float(error.max() / max(float(error.min()), TINY))),
    )  # fmt: skip


def _feasible(x0: Array, free: Array) -> Array:
    """x0 + V b of least |relu(-x)|^2."""
    b = np.zeros(free.shape[1])
    x = x0.copy()
    value = float((np.minimum(x, 0) ** 2).sum())
    for _ in range(NEWTON):
        below = x < 0
        of = free[below]
        slope = of.T @ x[below]
        normal = of.T @ of
        normal[np.diag_indices(len(b))] += 1e-8
        step = linalg.solve(normal, slope, assume_a="pos", check_finite=False)
        size, before = 1.0, value
        while size > 1e-3:
            tried = x0 + free @ (b - size * step)
            value = float((np.minimum(tried, 0) ** 2).sum())
            if value <= before:
                break
            size /= 2
        else:
            return x
        b, x = b - size * step, tried
        if before - value <= 1e-12 * before:
            break
    return x


def _channel(equations: _Equations, g: Array, start: Array) -> tuple[Array, Array, float] | None:
    """x (pixels,), the error to expect of each value, relative residual; None where the equations do not say."""
    below = np.minimum(start, 0)
    noise = np.sqrt((below**2).sum() / max(int((below < 0).sum()), 1))
    size = max(float(np.linalg.norm(g)), TINY)
    rounding = ROUNDING * size / len(g) ** 0.5
    columns = np.sqrt(np.diag(equations.gram)) + TINY
    positive = start > 3 * noise
    for _ in range(SETS):
        at = np.flatnonzero(positive)
        if not len(at) or DETERMINED * len(at) > equations.rows:
            return None
        try:
            factor = linalg.cho_factor(equations.gram[np.ix_(at, at)], check_finite=False)
        except linalg.LinAlgError:
            return None
        inverse, kernel = linalg.cho_solve(factor, np.eye(len(at)), check_finite=False), equations.kernel[:, at]
        values = inverse @ (kernel.T @ g)
        values += inverse @ (kernel.T @ (g - kernel @ values))
        left = g - kernel @ values
        spread = np.sqrt(np.maximum(np.diag(inverse), 0)) * rounding
        out = at[values < -CLEARLY * spread]
        pull = equations.kernel.T @ left / columns
        pull[positive] = 0
        enter = np.argsort(-pull)[:AT_ONCE]
        enter = enter[pull[enter] > CLEARLY * rounding]
        if not len(out) and not len(enter):
            break
        positive[out], positive[enter] = False, True
    residual = float(np.linalg.norm(left)) / size
    if residual > MET:
        return None
    noise = np.sqrt(rounding**2 + float(left @ left) / max(equations.rows - len(at), 1))
    x, error = np.zeros(len(start)), np.full(len(start), noise)
    x[at], error[at] = values, spread / rounding * noise
    return x, np.maximum(error, TINY), residual
