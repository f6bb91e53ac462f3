"""A client's local training on a candidate, differentiable in the candidate: the mean step of its round.

theta_{t+1} = theta_t - lr s_t with s_t = g_t (SGD), mu s_{t-1} + g_t (momentum) or Adam's; the change over T steps is
-lr sum_t s_t, so change / (-lr T) = mean_t s_t: for plain SGD the mean gradient of the round, in a gradient's units.
Geiping et al., Inverting Gradients, NeurIPS 2020, section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from gi_core.federated.batches import batches, dealt
from gi_core.federated.types import Schedule, Update

MOST_SIMULATED = 16
"""Steps that are simulated by default; each keeps a graph of the network."""
BETAS, EPS = (0.9, 0.999), 1e-8

Gradient = Callable[[list[Tensor], Tensor, Tensor], tuple[list[Tensor], Tensor]]
"""(parameters, pictures (B, C, H, W), targets (B, K)) -> (gradients, batch norm statistics (S,) of that batch)."""


def simulated_steps(schedule: Schedule | None, rounds: str) -> int:
    """Local steps that are played for each candidate, all clients counted; 0 where one gradient stands for the round."""
    if schedule is None or (schedule.single and schedule.clients == 1):
        return 0
    wanted = rounds == "simulated" or (rounds == "auto" and schedule.steps <= MOST_SIMULATED)
    return schedule.steps * schedule.clients if wanted else 0


def as_mean_gradient(update: Update, schedule: Schedule | None) -> Update:
    """A weight change in the units of a gradient: divided by -lr T. A gradient stays as it is."""
    if update.kind == "gradient" or schedule is None:
        return update
    tensors = {name: t * schedule.scale for name, t in update.tensors.items()}
    return replace(update, tensors=tensors)


def mean_step(
    gradient: Gradient, start: list[Tensor], x: Tensor, target: Tensor, schedule: Schedule, momenta: Tensor, images: int
) -> tuple[list[Tensor], Tensor]:
    """(mean step of each parameter, batch norm statistics (S,) recovered as from running ones).

    x (M, C, H, W), target (M, K): the `images` pictures of all clients, or as many for each epoch (M = epochs * images).
    momenta (S,): batch norm's momentum of each statistic; the last step weighs most, m (1 - m)^(T - t).
    """
    parts = dealt(images, schedule.clients)
    steps, seen = [], []
    for part in parts:
        s, stats = _client(gradient, start, x, target, schedule, momenta, part, images if len(x) > images else 0)
        steps.append(s)
        seen.append(stats)
    if len(parts) == 1:
        return steps[0], seen[0]
    return [sum(p) / len(parts) for p in zip(*steps, strict=True)], sum(seen) / len(parts)


def epochs(schedule: Schedule, images: int) -> int:
    """Epochs that the steps reach into."""
    each = max(len(part) for part in dealt(images, schedule.clients))
    return -(-schedule.steps // max(1, -(-each // schedule.batch_size)))


def _client(
    gradient: Gradient, start: list[Tensor], x: Tensor, target: Tensor, schedule: Schedule, momenta: Tensor, part: range,
    stride: int,
) -> tuple[list[Tensor], Tensor]:  # fmt: skip
    theta, total, stats, weight = start, None, 0.0, 0.0
    memory: list[tuple[Tensor, ...]] = []
    per_epoch = -(-len(part) // schedule.batch_size)
    for t, index in enumerate(batches(len(part), schedule.batch_size, schedule.steps)):
        rows = (index + part.start + stride * (t // per_epoch)).to(x.device)
        g, seen = gradient(theta, x[rows], target[rows])
        step, memory = _step(g, memory, schedule, t + 1)
        total = step if total is None else [a + s for a, s in zip(total, step, strict=True)]
        if t + 1 < schedule.steps:
            theta = [p - schedule.learning_rate * s for p, s in zip(theta, step, strict=True)]
        share = momenta * (1 - momenta) ** (schedule.steps - 1 - t)
        stats, weight = stats + share * seen, weight + share
    assert total is not None
    return [s / schedule.steps for s in total], stats / weight


def _step(g: list[Tensor], memory: list[tuple[Tensor, ...]], schedule: Schedule, t: int):
    if schedule.optimiser == "adam":
        b1, b2 = BETAS
        before = memory or [(torch.zeros_like(p), torch.zeros_like(p)) for p in g]
        after = [(b1 * m + (1 - b1) * p, b2 * v + (1 - b2) * p * p) for (m, v), p in zip(before, g, strict=True)]
        # A tiny number below the root: its slope at zero is infinite.
        step = [m / (1 - b1**t) / ((v / (1 - b2**t) + 1e-30).sqrt() + EPS) for m, v in after]
        return step, after
    if not schedule.momentum:
        return g, memory
    step = g if not memory else [schedule.momentum * m[0] + p for m, p in zip(memory, g, strict=True)]
    return step, [(s,) for s in step]
