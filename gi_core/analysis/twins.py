"""Twin pictures: another picture, as different as possible, that the network answers with the same gradient.

A walk from an answer x towards its negative y, in pixels, by predictor and corrector. P projects onto the directions that do not show,
P v = v - (J J^T)^+ J J^T v; Gauss-Newton steps bring the picture back onto the update:

    z <- z + t P (y - z),    z <- z - (J J^T)^+ J (g(z) - g(x)).

t is halved where the second does not arrive, and doubled where it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.spectrum import Array
from gi_core.types.updates import Knowledge

SAME = 1e-8
"""|g(z) - g(x)| / |g(x)| at which the two gradients are one: below the rounding of single precision."""
BUDGET = 6000
"""Products of J J^T for one twin."""
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


def find(knowledge: Knowledge, images: Tensor, labels: Tensor, null: Array) -> Twin | None:
    """images (N, C, H, W) in pixels and labels (N,): an answer; null (free, d): of `uniqueness.examine`. None where none is reached."""
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std))
    answer = images.detach().cpu().double()
    x, negative, free = (answer - mean) / std, (1 - answer - mean) / std, torch.from_numpy(null.copy())
    walk = _Walk(Sample(knowledge, x, labels, "cpu"))
    z, step, apart, misfit = x, 1.0, 0.0, 0.0
    away = (free.T @ (free @ (negative - x).reshape(-1))).view_as(x)
    while walk.left > 0 and step >= SMALLEST:
        there, rest = walk.returned(z + step * away)
        if rest > SAME:
            step /= 2
            continue
        before, apart = apart, float(((there - x) * std).square().mean().sqrt())
        if apart < GAIN * before:
            break
        z, misfit, step = there, rest, min(1.0, 2 * step)
        away = walk.hidden(z, negative - z)
    far = float(((z - x) * std).square().mean().sqrt())
    return Twin(z * std + mean, far, misfit) if far >= FAR else None


class _Walk:
    """left: products that may still be taken."""

    def __init__(self, sample: Sample):
        self.sample, self.wanted, self.left = sample, sample.products.value, BUDGET
        self.size = sum(float(w.square().sum()) for w in self.wanted) ** 0.5

    def returned(self, z: Tensor) -> tuple[Tensor, float]:
        """(z brought back to where the gradient is that of x, what is left, relative), as far as the steps fall."""
        best, least = z, float("inf")
        for _ in range(STEPS):
            products = JacobianProducts(self.sample.gradient, z, self.sample.target)
            rest = [a - b for a, b in zip(products.value, self.wanted, strict=True)]
            misfit = sum(float(r.square().sum()) for r in rest) ** 0.5 / self.size
            if not misfit < least:
                break
            best, least = z, misfit
            if misfit <= SAME or self.left <= 0:
                break
            z = z - self._solved(products, products.j(rest)).view_as(z)
        return best, least

    def hidden(self, z: Tensor, v: Tensor) -> Tensor:
        """P v at z."""
        products = JacobianProducts(self.sample.gradient, z, self.sample.target)
        return v - self._solved(products, products.jjt(v.reshape(-1))).view_as(v)

    def _solved(self, products: JacobianProducts, b: Tensor) -> Tensor:
        solver = ShiftedSolver(products.jjt, b, PRODUCTS, lambda top: DAMPING * top, eta=1e-6)
        self.left -= solver.products
        return solver.solve(DAMPING * solver.largest)
