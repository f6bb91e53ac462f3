"""Products with the Jacobian of the gradient map g: R^d -> R^P at a point, from two kept graphs.

In the field's notation J = (dg/dx)^T maps R^P to R^d. J b is one vector-Jacobian product of g;
J^T v uses that u(w) = J w is linear in a dummy w, so J^T v = (du/dw)^T v.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.gradient import GradientMap


class JacobianProducts:
    """At x (N, C, H, W): `value` g(x) as a list, and the products. scale multiplies g and J."""

    def __init__(self, gradient: GradientMap, x: Tensor, target: Tensor, scale: float = 1.0):
        self.x = x.detach().requires_grad_(True)
        self.scale = scale
        self.gradients = [g[0] for g in gradient(self.x[None], target[None])]
        self.value = [g.detach() * scale for g in self.gradients]
        self.dummies = [torch.zeros_like(g, requires_grad=True) for g in self.gradients]
        (self.pulled,) = torch.autograd.grad(self.gradients, self.x, self.dummies, create_graph=True)

    def j(self, parts: list[Tensor]) -> Tensor:
        """J b: parts shaped as the gradient -> (d,)."""
        (out,) = torch.autograd.grad(self.gradients, self.x, parts, retain_graph=True)
        return out.reshape(-1) * self.scale

    def jt(self, v: Tensor) -> list[Tensor]:
        """J^T v: v (d,) -> parts shaped as the gradient."""
        parts = torch.autograd.grad(self.pulled, self.dummies, v.view_as(self.x), retain_graph=True)
        return [p * self.scale for p in parts]

    def jjt(self, v: Tensor) -> Tensor:
        """J J^T v, (d,) -> (d,)."""
        return self.j(self.jt(v))
