"""Adam and Nesterov momentum, elementwise, so a batch of trials equals each trial alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba 2015, as torch's: z -= lr m^ / (sqrt(v^) + eps)."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def init(self, z: Tensor) -> dict[str, Tensor]:
        return {"m": torch.zeros_like(z), "v": torch.zeros_like(z)}

    def rates(self, iteration: int, lr: float) -> tuple[float, float]:
        """The two numbers of a step that change with the iteration (from 1)."""
        b1, b2 = self.betas
        return lr / (1 - b1**iteration), (1 - b2**iteration) ** -0.5

    def apply(self, z: Tensor, g: Tensor, state: dict[str, Tensor], rates: Tensor) -> None:
        """Move z (in place). rates: (2,) on the device of z, so that a captured graph can read it."""
        b1, b2 = self.betas
        state["m"].mul_(b1).add_(g, alpha=1 - b1)
        state["v"].mul_(b2).addcmul_(g, g, value=1 - b2)
        z.sub_(rates[0] * state["m"] / (state["v"].sqrt() * rates[1] + self.eps))


@dataclass(frozen=True)
class Nesterov:
    """SGD with Nesterov momentum, as torch's: b = mu b + g, z -= lr (g + mu b)."""

    momentum: float = 0.9

    def init(self, z: Tensor) -> dict[str, Tensor]:
        return {"b": torch.zeros_like(z)}

    def rates(self, iteration: int, lr: float) -> tuple[float, float]:
        return lr, 0.0

    def apply(self, z: Tensor, g: Tensor, state: dict[str, Tensor], rates: Tensor) -> None:
        """Move z (in place)."""
        state["b"].mul_(self.momentum).add_(g)
        z.sub_(rates[0] * (g + self.momentum * state["b"]))


def decayed(lr: float, iteration: int, iterations: int) -> float:
    """lr / 10 after each of floor(T/2.667), floor(T/1.6), floor(T/1.142) iterations (Geiping 2020)."""
    return lr * 0.1 ** sum(iteration > int(iterations / part) for part in (2.667, 1.6, 1.142))


def warmed_cosine(lr: float, iteration: int, iterations: int) -> float:
    """A linear rise over the first 100 iterations (a tenth of a shorter run), then half a cosine (Hatamizadeh et al.)."""
    k, rise = iteration - 1, max(1, min(100, iterations // 10))
    if k < rise:
        return lr * (k + 1) / rise
    return lr * 0.5 * (1 + math.cos(math.pi * (k - rise) / max(1, iterations - rise)))


SCHEDULES = {"steps": decayed, "cosine": warmed_cosine, "none": lambda lr, iteration, iterations: lr}
