"""A layer's input from its quadratic equations by Levenberg-Marquardt, where there is no closed form.

Residuals, each in units of its own size: G(x) - G of every filter, mean(W x) and mean (W x - mean)^2 of the layers that read
x, and x itself where the block's output shows it. min |J d + r|^2 + damping^2 |d|^2 by LSMR, the damping lowered tenfold
after a step that helped and raised tenfold after one that did not. Levenberg 1944, Marquardt 1963.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, lsmr
from torch import Tensor

from gi_core.attacks.recursion.residual.train_layer import TrainLayer

STEPS, INNER, INEXACT = 16, 100, 1e-6
"""Most steps; iterations of LSMR in each of them, and its tolerance."""
SHORT, STILL = 1e-2, 0.9
"""A step shorter than this share of x that leaves this share of the misfit is the last one."""
FIRST, LEAST, MOST = 1e-3, 1e-7, 1e3
"""Damping: the first, the least after a failure, and the one beyond which nothing helps."""


@dataclass(frozen=True)
class Here:
    """At one x: residuals, patches (Cin k^2, P), off = W x - mean and k (F, P)."""

    residual: Tensor
    patches: Tensor
    off: Tensor
    k: Tensor


@dataclass(frozen=True)
class Read:
    """A layer that reads x, with e = dL/dz (F, P)."""

    layer: TrainLayer
    e: Tensor

    @property
    def size(self) -> Tensor:
        """(F, 1): length of each filter's gradient, a usual one where it is nearly zero."""
        found = self.layer.gradient.norm(dim=1, keepdim=True)
        return (found**2 + 1e-4 * (found**2).mean()).sqrt()

    def dealt(self, x: Tensor) -> Tensor:
        """k (F, P) at x."""
        return self.layer.dealt(self.e, self.layer.off(x))

    def back(self, x: Tensor) -> Tensor:
        """dL/dx (Cin, H, W) at x."""
        return self.layer.back(self.dealt(x))

    def at(self, x: Tensor) -> Here:
        """Everything at x."""
        layer, patches = self.layer, self.layer.patches(x)
        off = layer.weight @ patches - layer.mean[:, None]
        k = layer.dealt(self.e, off)
        gradient = (k @ patches.T - layer.gradient) / self.size
        spread = layer.spread.clamp_min(1e-12)
        parts = (gradient.ravel(), off.mean(1) / spread, ((off**2).mean(1) / spread**2 - 1) / 2)
        return Here(torch.cat(parts), patches, off, k)

    def forward(self, v: Tensor, here: Here) -> Tensor:
        """J v."""
        layer, patches = self.layer, self.layer.patches(v)
        z, spread = layer.weight @ patches, layer.spread.clamp_min(1e-12)
        gradient = (here.k @ patches.T - (layer.slope[:, None] * z) @ here.patches.T) / self.size
        return torch.cat([gradient.ravel(), z.mean(1) / spread, (here.off * z).mean(1) / spread**2])

    def backward(self, r: Tensor, here: Here) -> Tensor:
        """J^T r."""
        layer, filters = self.layer, len(here.k)
        gradient, means, squares = r.split([layer.gradient.numel(), filters, filters])
        of, spread = gradient.reshape(layer.gradient.shape) / self.size, layer.spread.clamp_min(1e-12)
        shares = (means / spread)[:, None] + (squares / spread**2)[:, None] * here.off
        z = shares / layer.positions - layer.slope[:, None] * (of @ here.patches)
        return layer.fold(of.T @ here.k + layer.weight.T @ z)


@dataclass(frozen=True)
class Shown:
    """Entries (Cin, H, W) bool whose value is known otherwise, and how much they count."""

    where: Tensor
    value: Tensor
    weight: float


@dataclass(frozen=True)
class Solved:
    """x (Cin, H, W), the misfit |r| over the root of the number of blocks of equations, and the steps taken."""

    x: Tensor
    misfit: float
    steps: int


def solve(
    reads: list[Read], x: Tensor, shown: Shown | None = None, enough: float = 1e-13, steps: int = STEPS
) -> Solved:
    """Levenberg-Marquardt from x until the misfit is below `enough`, or stands still."""
    system = _System(reads, shown, x)
    misfit, damping, taken = system.misfit, FIRST, 0
    while taken < steps and misfit > enough and damping < MOST:
        taken += 1
        step = lsmr(
            system.operator, -system.residual, damp=damping, atol=INEXACT, btol=INEXACT, conlim=0, maxiter=INNER
        )[0]
        tried = _System(reads, shown, system.x + torch.from_numpy(step).reshape(x.shape))
        short = float(np.linalg.norm(step)) < SHORT * float(system.x.norm())
        still = short and tried.misfit > STILL * misfit
        if tried.misfit < misfit:
            system, misfit, damping = tried, tried.misfit, damping * 0.1
        else:
            damping = max(damping * 10, LEAST)
        if still:
            break
    return Solved(system.x, misfit, taken)


class _System:
    """The residuals at x and their Jacobian as an operator."""

    def __init__(self, reads: list[Read], shown: Shown | None, x: Tensor):
        self.reads, self.shown, self.x = reads, shown, x
        self.at = [read.at(x) for read in reads]
        parts = [found.residual for found in self.at]
        if shown is not None:
            parts.append(shown.weight * (x - shown.value)[shown.where])
        self.sizes = [len(p) for p in parts]
        whole = torch.cat(parts)
        self.residual = whole.numpy()
        scale = sum(3 * len(read.layer.weight) for read in reads) ** 0.5
        self.misfit = float(whole.norm()) / scale

    @property
    def operator(self) -> LinearOperator:
        shape = (len(self.residual), self.x.numel())
        return LinearOperator(shape, matvec=self._forward, rmatvec=self._backward, dtype=float)

    def _forward(self, v: np.ndarray) -> np.ndarray:
        d = torch.from_numpy(np.ascontiguousarray(v)).reshape(self.x.shape)
        parts = [read.forward(d, here) for read, here in zip(self.reads, self.at, strict=True)]
        if self.shown is not None:
            parts.append(self.shown.weight * d[self.shown.where])
        return torch.cat(parts).numpy()

    def _backward(self, r: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(np.ascontiguousarray(r)).split(self.sizes)
        total = torch.zeros_like(self.x)
        for read, part, here in zip(self.reads, parts, self.at, strict=False):
            total += read.backward(part, here)
        if self.shown is not None:
            total[self.shown.where] += self.shown.weight * parts[-1]
        return total.ravel().numpy()
