"""Products with the Jacobian of the gradient map g: R^d -> R^P at a point, from two kept graphs.

In the field's notation J = (dg/dx)^T maps R^P to R^d. J b is one vector-Jacobian product of g;
J^T v uses that u(w) = J w is linear in a dummy w, so J^T v = (du/dw)^T v.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from gi_core.numerics.gradient import pull


class Played(Protocol):
    """What is sent of x (1, N, C, H, W) and targets (1, N, K): one tensor (1, *shape) for each parameter, or for those of `only`, with
    the graph back to x.
    """

    def __call__(self, x: Tensor, target: Tensor, only: Sequence[int] | None = None) -> list[Tensor]: ...


class JacobianProducts:
    """The gradient g at x (N, C, H, W) as a list (`value`), and products with its Jacobian J. scale multiplies g and J. only: as in `GradientMap`."""

    def __init__(
        self, gradient: Played, x: Tensor, target: Tensor, scale: float = 1.0, only: Sequence[int] | None = None
    ):
        self.x = x.detach().requires_grad_(True)
        self.scale = scale
        self.gradients = [g[0] for g in gradient(self.x[None], target[None], only)]
        self.value = [g.detach() * scale for g in self.gradients]
        # Tensors that do not depend on x (the last bias under a linear loss) have a zero Jacobian.
        self.moving = [i for i, g in enumerate(self.gradients) if g.requires_grad]
        outputs = [self.gradients[i] for i in self.moving]
        self.outputs, self.dummies = outputs, [torch.zeros_like(g, requires_grad=True) for g in outputs]
        (self.pulled,) = pull(outputs, [self.x], self.dummies, create_graph=True)

    def j(self, parts: list[Tensor]) -> Tensor:
        """J b: one part for each parameter -> (d,)."""
        return self._pull([parts[i] for i in self.moving]) * self.scale

    def jt(self, v: Tensor) -> list[Tensor]:
        """J^T v: v (d,) -> one part for each parameter."""
        parts = [torch.zeros_like(g) for g in self.value]
        for i, part in zip(self.moving, self._push(v), strict=True):
            parts[i] = part * self.scale
        return parts

    def jjt(self, v: Tensor) -> Tensor:
        """J J^T v, (d,) -> (d,)."""
        return self._pull(self._push(v)) * self.scale**2

    def _pull(self, parts: Sequence[Tensor]) -> Tensor:
        (out,) = pull(self.outputs, [self.x], parts, retain_graph=True)
        return out.reshape(-1)

    def _push(self, v: Tensor) -> Sequence[Tensor]:
        # Unused: a bias of a piecewise linear network, whose gradient moves only where a mask changes.
        seed = v.view_as(self.x)
        return pull([self.pulled], self.dummies, [seed], retain_graph=True, materialize_grads=True)


class StackedProducts:
    """The same of several gradients of one picture, as those of several rounds: `value` is all of them, one after the other."""

    def __init__(self, parts: Sequence[JacobianProducts]):
        self.parts = parts
        self.value = [g for part in parts for g in part.value]

    def j(self, parts: list[Tensor]) -> Tensor:
        """J b = sum_t J_t b_t."""
        found, at = [], 0
        for one in self.parts:
            found.append(one.j(parts[at : at + len(one.value)]))
            at += len(one.value)
        return sum(found[1:], found[0])

    def jt(self, v: Tensor) -> list[Tensor]:
        """J^T v: J_t^T v of each, one after the other."""
        return [g for part in self.parts for g in part.jt(v)]

    def jjt(self, v: Tensor) -> Tensor:
        """J J^T v = sum_t J_t J_t^T v."""
        first, *others = (part.jjt(v) for part in self.parts)
        return sum(others, first)


Products = JacobianProducts | StackedProducts
"""Of one gradient, or of several."""
