"""J of one client's picture in float64: products from two kept graphs, lambda_max, influence."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gi_core.networks.losses import as_target, loss_of
from gi_core.numerics import jacobian_cost
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts, Played
from gi_core.numerics.lanczos import ShiftedSolver, tridiagonal
from gi_core.numerics.spectrum import DAMPING, Array
from gi_core.settings import SpecError
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

LARGEST = 1e-6
"""Relative change at which lambda_max is taken as converged."""
LARGE = 1_000_000
"""Parameters above which lambda_max alone is found in single precision."""


class Sample:
    """The Jacobian J of the gradient at pictures x (N, C, H, W), normalised, with labels (N,).

    knowledge: network, loss, normalisation. played: what is sent of pictures, in double precision on that device, in place of one
    gradient: as of a round of several steps. Raises SpecError where the linearisation has no meaning.
    """

    def __init__(
        self, knowledge: Knowledge, x: Tensor, labels: Tensor, device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float64, played: Played | None = None,
    ):  # fmt: skip
        if knowledge.batch_norm == "train":
            raise SpecError(
                "batch norm in train mode ties the picture to its own statistics, so its Jacobian is singular:"
                " choose client.batch_norm=eval"
            )
        if any(isinstance(m, torch.nn.Dropout) and m.p > 0 and m.training for m in knowledge.model.modules()):
            raise SpecError("dropout is on, so every gradient is another function of the picture: switch it off")
        if knowledge.dropout:
            raise SpecError("dropout is on, so every gradient is another function of the picture: set client.dropout=0")
        device = torch.device(device)
        self.knowledge, self.labels, self.shape = knowledge, labels, tuple(x.shape)
        self._product_seconds: float | None = None
        self.dtype = torch.float32 if device.type == "mps" else dtype
        gradient = played or GradientMap(
            knowledge, loss_of(knowledge.loss, knowledge.terms), Plan(device=device.type), self.dtype, device
        )
        x = x.to(device, self.dtype)
        self.gradient, self.target = gradient, as_target(labels, knowledge.classes, x)
        self.products = JacobianProducts(gradient, x, self.target)
        self.norm = float(sum((g.double() ** 2).sum() for g in self.products.value)) ** 0.5
        if not np.isfinite(self.norm):
            raise SpecError(
                "the gradient of this picture is not finite: choose other weights or another initialisation"
            )
        self.parameters = sum(g.numel() for g in self.products.value)
        self.size = x.numel()
        self._largest: float | None = None

    def largest(self) -> float:
        """lambda_max(J J^T) by Lanczos on the pixels, from a fixed start; of large networks in single precision, which
        gives six digits of it in half the time.
        """
        if self._largest is None:
            products = self.products
            if self.parameters > LARGE and self.dtype == torch.float64:
                x = products.x.detach()
                products = Sample(self.knowledge, x, self.labels, x.device, torch.float32).products
            start = torch.randn(self.size, generator=generator(0, 0), dtype=torch.float64).to(products.x)
            found = [0.0]

            def settled(theta: Array, k: int) -> bool:
                found.append(float(theta[-1]))
                return abs(found[-1] - found[-2]) <= LARGEST * found[-1]

            tridiagonal(products.jjt, start, min(100, self.size), settled, every=4)
            self._largest = max(found[-1], 0.0)
        return self._largest

    def take_largest(self, value: float) -> None:
        """Take lambda_max as found elsewhere, unless it is known."""
        self._largest = self._largest or value

    def perturbation(self, before: Update, after: Update) -> Tensor:
        """J delta (d,) of delta = after - before."""
        pairs = zip(before.tensors.values(), after.tensors.values(), strict=True)
        return self.products.j([(b.double() - a.double()).to(self.products.x) for a, b in pairs])

    def influence(self, pushed: Tensor, damping: float = DAMPING, most: int = 1200) -> Tensor:
        """(J J^T + eps)^-1 J delta (d,), by conjugate gradients in Lanczos form; damping relative to lambda_max."""
        return self.influence_at(pushed, damping * self.largest(), most)

    def influence_at(self, pushed: Tensor, shift: float, most: int = 1200) -> Tensor:
        """The same at an absolute damping (the published eps = 1)."""
        if float(pushed.norm()) == 0.0:
            return torch.zeros_like(pushed)
        solver = ShiftedSolver(self.products.jjt, pushed, min(most, self.size), lambda top: shift, eta=1e-8)
        return solver.solve(shift)

    def second_order(self, moved: Tensor, shift: float, most: int = 400) -> float:
        """|(J J^T + eps)^-1 J (g(x + b) - g(x) - J^T b)| / |b| of a displacement b (d,): by how much of its own length
        the next term of the expansion would move the picture again. Well below one, the linear prediction holds.
        """
        length = float(moved.norm())
        if not length:
            return 0.0
        x = self.products.x.detach() + moved.view(self.shape)
        there = [g[0].detach() for g in self.gradient(x[None], self.target[None])]
        rest = [a - b - c for a, b, c in zip(there, self.products.value, self.products.jt(moved), strict=True)]
        if not all(bool(torch.isfinite(r).all()) for r in rest):
            return float("inf")
        return float(self.influence_at(self.products.j(rest), shift, most).norm()) / length

    def in_pixels(self, moved: Tensor) -> float:
        """Root mean square of a displacement (d,) of the network's input, in [0, 1] units."""
        std = torch.tensor(self.knowledge.std, dtype=torch.float64).view(-1, 1, 1)
        return float(((moved.cpu().double().view(self.shape) * std) ** 2).mean()) ** 0.5

    def product_seconds(self) -> float:
        """Nominal seconds of one product of J J^T: its operations are counted, whatever else the machine does."""
        if self._product_seconds is None:
            x = self.products.x
            self._product_seconds = jacobian_cost.product_seconds(
                self.knowledge.model, x.detach().float(), x.device.type
            )
        return self._product_seconds
