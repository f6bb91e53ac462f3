"""Twin pictures: another picture, as different as possible, that the network answers with the same gradient.

A walk from an answer x towards its negative y, in pixels, by predictor and corrector. P projects onto the directions that do not show,
P v = v - B^+ B v with B = D J J^T D (`numerics.shown`); Gauss-Newton steps bring the picture back onto the update:

    z <- z + t P (y - z),    z <- z - B^+ D J (a g(z) - g(x)),    a = 1, or what fits best where a factor is unknown.

t is halved where the second does not arrive, and doubled where it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.analysis.uniqueness import PLAIN, Seen, look
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import Array
from gi_core.types.updates import Knowledge

SAME = 2.0**-25
"""|g(z) - g(x)| / |g(x)| at which the two updates are one: half the rounding of single precision."""
STALLED = 0.8
"""Share of the misfit that a step must take away for another one."""
BUDGET = 6000
"""Products of B for one twin."""
STEPS, PRODUCTS, SMALLEST, GAIN = 12, 800, 1 / 64, 1.03
DAMPING = 1e-10
FAR = 0.02
"""Root mean square difference per pixel from which two pictures are different to a person."""


@dataclass(frozen=True)
class Twin:
    """picture (N, C, H, W) in pixels, not clamped. apart: root mean square difference per pixel. misfit: |g(z) - g(x)| / |g(x)|."""

    picture: Tensor
    apart: float
    misfit: float


def find(
    knowledge: Knowledge, images: Tensor, labels: Tensor, null: Array, seen: Seen = PLAIN, most: int = BUDGET
) -> Twin | None:
    """images (N, C, H, W) in pixels and labels (N,): an answer; null (free, d): of `uniqueness.examine`, or none of them. most: products.
    None where no twin is reached.
    """
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std))
    x = images.detach().cpu().double()
    negative, free = 1 - x, torch.from_numpy(null.copy())
    walk = _Walk(look(knowledge, (x - mean) / std, labels, seen), mean, std, most)
    z, step, apart, misfit = x, 1.0, 0.0, 0.0
    away = (free.T @ (free @ (negative - x).reshape(-1))).view_as(x) if len(free) else walk.hidden(x, negative - x)
    while walk.left > 0 and step >= SMALLEST:
        there, rest = walk.returned(z + step * away)
        if rest > SAME:
            step /= 2
            continue
        before, apart = apart, float((there - x).square().mean().sqrt())
        if apart < GAIN * before:
            break
        z, misfit, step = there, rest, min(1.0, 2 * step)
        away = walk.hidden(z, negative - z)
    far = float((z - x).square().mean().sqrt())
    return Twin(z, far, misfit) if far >= FAR else None


class _Walk:
    """Pictures in [0, 1]. left: products that may still be taken."""

    def __init__(self, shown: Shown, mean: Tensor, std: Tensor, most: int):
        self.shown, self.mean, self.std, self.left = shown, mean, std, most

    def at(self, z: Tensor) -> Shown:
        return self.shown.there((z - self.mean) / self.std)

    def returned(self, z: Tensor) -> tuple[Tensor, float]:
        """(z brought back to where the update is that of x, what is left, relative), as far as the steps fall."""
        best, least = z, float("inf")
        for _ in range(STEPS):
            there = self.at(z)
            rest = there.beside(self.shown.value)
            misfit = sum(float(r.square().sum()) for r in rest) ** 0.5 / self.shown.norm
            if not misfit < least:
                break
            slow, best, least = misfit > STALLED * least, z, misfit
            if misfit <= SAME or slow or self.left <= 0:
                break
            z = z - self._solved(there, there.pull(rest)).view_as(z)
        return best, least

    def hidden(self, z: Tensor, v: Tensor) -> Tensor:
        """P v at z."""
        there = self.at(z)
        return v - self._solved(there, there.product(v.reshape(-1))).view_as(v)

    def _solved(self, there: Shown, b: Tensor) -> Tensor:
        solver = ShiftedSolver(there.product, b, PRODUCTS, lambda top: DAMPING * top, eta=1e-6)
        self.left -= solver.products
        return solver.solve(DAMPING * solver.largest)
