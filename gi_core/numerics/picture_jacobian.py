"""J of one client's picture in float64: products from two kept graphs, lambda_max, spectrum, influence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import linalg
from torch import Tensor

from gi_core.networks.losses import as_target, loss_of
from gi_core.numerics import jacobian_cost
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.lanczos import ShiftedSolver, factorise, tridiagonal
from gi_core.numerics.spectrum import DAMPING, Array, Spectrum
from gi_core.settings import SpecError
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

MOST_EXACT = 4096
LARGEST = 1e-6
"""Relative change at which lambda_max is taken as converged."""
LARGE = 1_000_000
"""Parameters above which lambda_max alone is found in single precision."""
_SILENT = lambda fraction, text: None  # noqa: E731


class Sample:
    """One picture (N, C, H, W), normalised, with its labels (N,): all that is asked of its Jacobian.

    knowledge: network, loss, normalisation. Raises SpecError where the linearisation has no meaning.
    """

    def __init__(
        self, knowledge: Knowledge, x: Tensor, labels: Tensor, device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float64,
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
        gradient = GradientMap(
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

    def gram(self, progress: Callable[[float, str], None] = _SILENT) -> Array:
        """J J^T (d, d), one product for each pixel."""
        out, unit = (
            np.empty((self.size, self.size)),
            torch.zeros(self.size, dtype=self.dtype, device=self.products.x.device),
        )
        for i in range(self.size):
            unit[i] = 1
            out[i] = self.products.jjt(unit).cpu().double().numpy()
            unit[i] = 0
            if i % 64 == 0:
                progress(i / self.size, "working out the spectrum")
        return (out + out.T) / 2

    def spectrum(
        self, seconds: float = 60.0, progress: Callable[[float, str], None] = _SILENT
    ) -> tuple[Spectrum, Array | None]:
        """The spectrum, exact with its eigenvectors (d, d) where that fits in about so many seconds, else by
        stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017) without them.
        """
        each = self.product_seconds()
        if self.size > MOST_EXACT or each * self.size > seconds:
            return self.quadrature(seconds, each, progress), None
        values, vectors = linalg.eigh(self.gram(progress), driver="evd", check_finite=False)
        channels = self.shape[1]
        energy = (vectors**2).reshape(self.shape[0], channels, -1, self.size).sum((0, 2))
        return self._made(np.maximum(values, 0.0), np.ones(self.size), energy, exact=True), vectors

    def _made(self, values: Array, weights: Array, energy: Array, exact: bool, spread: float = 0.0) -> Spectrum:
        return Spectrum(values, weights, energy, tuple(self.knowledge.std), exact, self.norm, self.parameters, spread)

    def product_seconds(self) -> float:
        """Nominal seconds of one product of J J^T: operations are counted, so that the machine's load decides nothing (`numerics.jacobian_cost`)."""
        if self._product_seconds is None:
            x = self.products.x
            self._product_seconds = jacobian_cost.product_seconds(
                self.knowledge.model, x.detach().float(), x.device.type
            )
        return self._product_seconds

    def quadrature(self, seconds: float, each: float, progress: Callable[[float, str], None] = _SILENT) -> Spectrum:
        """Nodes and weights of several random probes.

        The error bar is of the mean of 1 / lambda: between probes, and between half the depth and all of it (a
        Gauss rule comes from below, so small eigenvalues that were not reached make it too small).
        """
        total = max(24, int(0.7 * seconds / each))  # the rest is for what comes around it
        probes = int(np.clip(total // 80, 2, 8))
        depth = int(np.clip(total // probes, 8, 400))
        nodes, weights, means, halves = [], [], [], []
        for p in range(probes):
            progress(p / probes, "estimating the spectrum")
            signs = torch.randint(0, 2, (self.size,), generator=generator(0, 1, p)).to(self.products.x) * 2 - 1
            _, alphas, betas = factorise(self.products.jjt, signs, depth, lambda *_: False)
            theta, share = _rule(alphas, betas)
            nodes.append(theta)
            weights.append(share * self.size / probes)
            means.append(_mean_inverse(theta, share))
            halves.append(_mean_inverse(*_rule(alphas[: depth // 2], betas[: depth // 2 - 1])))
        order = np.argsort(np.concatenate(nodes))
        values = np.concatenate(nodes)[order]
        channels = self.shape[1]
        even = np.full((channels, len(values)), 1 / channels)
        self._largest = self._largest or float(values[-1])
        between = np.std(means, ddof=1) / probes**0.5 / np.mean(means)
        spread = float(np.hypot(between, 1 - np.mean(halves) / np.mean(means)))
        return self._made(values, np.concatenate(weights)[order], even, exact=False, spread=spread)


def _rule(alphas: list[float], betas: list[float]) -> tuple[Array, Array]:
    """Gauss quadrature of a factorisation: nodes, and weights that sum to one."""
    values, vectors = linalg.eigh_tridiagonal(alphas, betas)
    return np.maximum(values, 0.0), vectors[0] ** 2


def _mean_inverse(values: Array, weights: Array) -> float:
    return float((weights / np.maximum(values, DAMPING * values[-1])).sum())
