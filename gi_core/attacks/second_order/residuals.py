"""The residual of a second-order matching, r(v) of gradients v as lists of tensors, and the maps of its Gauss-Newton step.

Plain: r = v - g*. Under a belief low <= c v <= high, up to noise of trust w: r = sqrt(w) (c v - P(c v)) with P the clamp,
so that the normal matrix is J B J^T, B = c^2 Q A w Q, A = diag(1 where r_i != 0 or the value was sent). Where c = L / |v|
shortens v to the length L that was sent, d(c v) = c Q dv with Q = I - u u^T, u = v / |v|; where c = 1, Q = I.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.attacks.adaptive.consistent import length_sent, shortened
from gi_core.numerics.jacobian import Products


@dataclass(frozen=True)
class Linearised:
    """r at one point. squared: |r|^2. slope: what J maps to the gradient of |r|^2 / 2."""

    parts: list[Tensor]

    @property
    def squared(self) -> float:
        return float(sum((r * r).sum() for r in self.parts))

    @property
    def slope(self) -> list[Tensor]:
        return self.parts

    def normal(self, local: Products, v: Tensor) -> Tensor:
        """J B J^T v, (d,) -> (d,)."""
        return local.jjt(v)


class Residual:
    """r = v - g*: of an attacker who takes the update for plain."""

    def __init__(self, targets: list[Tensor]):
        self.targets = targets

    def at(self, values: list[Tensor]) -> Linearised:
        return Linearised([v - t for v, t in zip(values, self.targets, strict=True)])


@dataclass(frozen=True)
class Believed(Linearised):
    """parts: sqrt(w) r. rows: A's diagonal times sqrt(w). c and u: the factor and the direction of v, None where c = 1."""

    rows: list[Tensor]
    c: float = 1.0
    u: list[Tensor] | None = None

    @property
    def slope(self) -> list[Tensor]:
        return [self.c * p for p in self._across([a * r for a, r in zip(self.rows, self.parts, strict=True)])]

    def normal(self, local: Products, v: Tensor) -> Tensor:
        inner = [a * a * p for a, p in zip(self.rows, self._across(local.jt(v)), strict=True)]
        return self.c**2 * local.j(self._across(inner))

    def _across(self, parts: list[Tensor]) -> list[Tensor]:
        """Q v."""
        if self.u is None:
            return parts
        along = sum(float((u * p).sum()) for u, p in zip(self.u, parts, strict=True))
        return [p - along * u for u, p in zip(self.u, parts, strict=True)]


class BelievedResidual(Residual):
    """The same under a belief about the targets, in their units. trust: w (P,), None where all values are alike."""

    def __init__(self, targets: list[Tensor], belief: Belief, trust: Tensor | None):
        super().__init__(targets)
        self.belief = belief
        sent = [a == b for a, b in zip(belief.low, belief.high, strict=True)]
        root = (
            [torch.ones_like(t) for t in targets] if trust is None else trust.sqrt().split([t.numel() for t in targets])
        )
        self.root = [r.view_as(t) for r, t in zip(root, targets, strict=True)]
        self.always = [s.to(t) for s, t in zip(sent, targets, strict=True)]
        self.length, self.kept = length_sent(targets, belief)

    def at(self, values: list[Tensor]) -> Believed:
        c, u = 1.0, None
        if self.belief.rescaled:
            kept = [k.reshape(-1) for k in self.kept]
            part, scale, square = shortened([v.reshape(1, -1) for v in values], self.length, kept)
            c = float(scale)
            if c < 1.0:
                u = [p.view_as(v) / float(square) ** 0.5 for p, v in zip(part, values, strict=True)]
        ends = zip(values, self.belief.low, self.belief.high, strict=True)
        apart = [c * v - torch.clamp(c * v, low, high) for v, low, high in ends]
        rows = [
            root * torch.where(r != 0, 1.0, always)
            for root, r, always in zip(self.root, apart, self.always, strict=True)
        ]
        return Believed([root * r for root, r in zip(self.root, apart, strict=True)], rows, c, u)
