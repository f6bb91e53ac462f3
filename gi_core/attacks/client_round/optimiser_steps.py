"""One step of a client's optimiser on a candidate's gradient, differentiable: what is subtracted, over the learning rate.

SGD      g <- g + wd theta;  b <- mu b + (1 - dampening) g (b = g at first);  s = b, or g + mu b (Nesterov)
Adam     g <- g + wd theta;  m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2;  s = m^ / (sqrt(v^) + eps)
AdamW    the same without the first, and s + wd theta
after clipping over all parameters, g min(1, C / (|g| + 1e-6)), or each value to [-C, C]. As torch.optim and
torch.nn.utils have them. Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.types.schedule import Schedule

Memory = list[tuple[Tensor, ...]]
TINY = 1e-30
"""Below the root: its slope at zero is infinite."""


def clipped(g: list[Tensor], schedule: Schedule) -> list[Tensor]:
    """The gradient of a step as the client's optimiser is given it."""
    if schedule.clip_norm is not None:
        lengths = torch.stack([torch.linalg.vector_norm(p, dtype=torch.float64) for p in g])
        factor = (schedule.clip_norm / (torch.linalg.vector_norm(lengths) + 1e-6)).clamp(max=1.0)
        g = [p * factor.to(p.dtype) for p in g]
    if schedule.clip_value is not None:
        g = [p.clamp(-schedule.clip_value, schedule.clip_value) for p in g]
    return g


def step(
    g: list[Tensor], theta: list[Tensor], memory: Memory, schedule: Schedule, t: int
) -> tuple[list[Tensor], Memory]:
    """(s, what the optimiser remembers) of the step of number t, from 1. memory: empty before the first."""
    if schedule.weight_decay and schedule.optimiser != "adamw":
        g = [p + schedule.weight_decay * w for p, w in zip(g, theta, strict=True)]
    if schedule.optimiser == "sgd":
        return _sgd(g, memory, schedule)
    found, memory = _adam(g, memory, schedule, t)
    if schedule.weight_decay and schedule.optimiser == "adamw":
        found = [s + schedule.weight_decay * w for s, w in zip(found, theta, strict=True)]
    return found, memory


def _sgd(g: list[Tensor], memory: Memory, schedule: Schedule) -> tuple[list[Tensor], Memory]:
    mu = schedule.momentum
    if not mu:
        return g, memory
    kept = 1 - schedule.dampening
    held = g if not memory else [mu * m[0] + (p if kept == 1 else kept * p) for m, p in zip(memory, g, strict=True)]
    found = [p + mu * b for p, b in zip(g, held, strict=True)] if schedule.nesterov else held
    return found, [(b,) for b in held]


def _adam(g: list[Tensor], memory: Memory, schedule: Schedule, t: int) -> tuple[list[Tensor], Memory]:
    b1, b2 = schedule.betas
    before = memory or [(torch.zeros_like(p), torch.zeros_like(p)) for p in g]
    after: Memory = [(b1 * m + (1 - b1) * p, b2 * v + (1 - b2) * p * p) for (m, v), p in zip(before, g, strict=True)]
    found = [m / (1 - b1**t) / ((v / (1 - b2**t) + TINY).sqrt() + schedule.eps) for m, v in after]
    return found, after
