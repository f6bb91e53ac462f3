"""Within which radius an answer without a free direction is the only one, where the network is smooth or piecewise linear.

With A = M J^T D of `numerics.shown`, s its least singular value at the answer x, and |A(y) - A(x)| <= L |y - x|, a picture at distance
r = |y - x| leaves of the update

    |g(y) - g(x)| >= s r - L r^2 / 2        (Newton-Kantorovich: Ortega and Rheinboldt 1970, section 12.6).

That is more than a misfit e for every r between (s -+ sqrt(s^2 - 2 L e)) / L. So whatever explains the update to e within the larger root
lies within the smaller one, which is about e / s: the error to expect. L is *sampled*, not proved: the largest of a few pictures in that
ball, by power iteration, times `SAFETY`. A kink has no L: of a piecewise linear network the radius ends where the first unit switches
(`analysis.cells`), and L is sampled inside that cell.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gi_core.networks.module import GraphModule
from gi_core.numerics.generators import generator
from gi_core.numerics.shown import Shown

SAFETY = 2.0
POINTS, ITERATIONS = 4, 5
"""Pictures at which L is sampled, and power iterations of each."""
PRODUCTS = 4 * POINTS * ITERATIONS
"""Products of B that this takes, about."""
KINKED = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ReLU6, nn.Hardtanh, nn.Hardswish, nn.MaxPool2d, nn.AdaptiveMaxPool2d)
INSIDE = 0.99
"""Share of a cell in which L is sampled."""
FIRST = 0.01
"""Root mean square per pixel at which L is sampled first."""


def smooth(model: nn.Module) -> bool:
    """Whether it is made of layers alone, and none of them has a kink. What a module of one's own does between layers is not seen."""
    return isinstance(model, (GraphModule, nn.Sequential)) and not any(
        isinstance(module, KINKED) for module in model.modules()
    )


def within(shown: Shown, least: float, misfit: float, cell: float = math.inf) -> float | None:
    """The larger root or the edge of the cell, root mean square per pixel; None where the misfit is too large for the bend or the cell.

    shown: at the answer. least: s. misfit: e, both for pictures in [0, 1] and what was sent in a gradient's units. cell: distance up to
    which the gradient is smooth.
    """
    if not cell > 0:
        return None
    size, inside = shown.size**0.5, INSIDE * cell
    bend = SAFETY * _bend(shown, min(FIRST * size, inside))
    first = _roots(least, bend, misfit)
    if first is None:
        return None
    # The ball that is spoken of is not the one that was sampled: once more, in that.
    bend = max(bend, SAFETY * _bend(shown, min(first[1], inside)))
    found = _roots(least, bend, misfit)
    if found is None or cell <= found[0]:
        return None
    return min(found[1], first[1], cell) / size


def _roots(least: float, bend: float, misfit: float) -> tuple[float, float] | None:
    inside = least**2 - 2 * bend * misfit
    if inside <= 0:
        return None
    if not bend > 0:
        return misfit / least, math.inf
    root = math.sqrt(inside)
    return 2 * misfit / (least + root), (least + root) / bend


def _bend(shown: Shown, distance: float) -> float:
    """The largest |A(y) - A(x)| / |y - x| of pictures y at so large a distance."""
    draws, worst = generator(0, 5), 0.0
    x = shown.products.x.detach()
    for _ in range(POINTS):
        away = torch.randn(shown.size, generator=draws, dtype=torch.float64).to(x)
        away = away * (distance / away.norm())
        there = shown.there(x + (away * shown.units).view_as(x))
        v, norm = away / distance, 0.0
        for _ in range(ITERATIONS):
            v = _difference(shown, there, v)
            norm = float(v.norm())
            if not norm > 0:
                break
            v = v / norm
        worst = max(worst, norm**0.5 / distance)
    return worst


def _difference(here: Shown, there: Shown, v: Tensor) -> Tensor:
    """(A(y) - A(x))^T (A(y) - A(x)) v."""
    parts = [b - a for a, b in zip(here.push(v), there.push(v), strict=True)]
    return there.pull(parts) - here.pull(parts)
