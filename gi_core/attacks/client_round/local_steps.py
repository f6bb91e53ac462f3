"""A client's local training on a candidate, differentiable in the candidate: the mean step of its round.

theta_{t+1} = theta_t - lr s_t with s_t of the client's optimiser (`optimiser_steps`); the change over T steps is
-lr sum_t s_t, so change / (-lr T) = mean_t s_t: for plain SGD the mean gradient of the round, in a gradient's units.
Where lr changes, sum_t lr_t stands for lr T; what weight decay takes of the known weights is left out of both sides.
Geiping et al., Inverting Gradients, NeurIPS 2020, section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import torch
from torch import Tensor, nn

from gi_core.attacks.client_round import optimiser_steps
from gi_core.clients.batches import dealt, epoch_steps, steps_of
from gi_core.types.updates import Schedule, Update

MOST_SIMULATED = 16
"""Steps that are simulated by default; each keeps a graph of the network."""

Gradient = Callable[[list[Tensor], Tensor, Tensor], tuple[list[Tensor], Tensor]]
"""(parameters, pictures (B, C, H, W), targets (B, K)) -> (gradients, batch norm statistics (S,) of that batch)."""


def one_step(schedule: Schedule | None) -> bool:
    """Whether what was sent is one gradient, or a known factor times one."""
    return schedule is None or (schedule.single and schedule.clients == 1)


def simulated_steps(schedule: Schedule | None, rounds: str) -> int:
    """Local steps that are played for each candidate, all clients counted; 0 where one gradient stands for the round."""
    if schedule is None or one_step(schedule):
        return 0
    wanted = rounds == "simulated" or (rounds == "auto" and schedule.played <= MOST_SIMULATED)
    return schedule.played * schedule.clients if wanted else 0


def as_mean_gradient(update: Update, schedule: Schedule | None, model: nn.Module | None = None) -> Update:
    """A weight change in a gradient's units: divided by -lr T, less what weight decay did. A gradient stays as it is.

    model: the network before the round; needed where its weights decay.
    """
    if update.kind == "gradient" or schedule is None:
        return update
    tensors = {name: t * schedule.scale for name, t in update.tensors.items()}
    if schedule.pull:
        if model is None:
            raise ValueError("weight decay is taken out by the weights before the round: give the network")
        before = dict(zip(tensors, model.parameters(), strict=True))
        tensors = {
            name: t if name in update.withheld else t - schedule.pull * before[name].detach().to(t)
            for name, t in tensors.items()
        }
    return replace(update, tensors=tensors)


def mean_step(
    gradient: Gradient, start: list[Tensor], x: Tensor, target: Tensor, schedule: Schedule, momenta: Tensor, images: int,
    frozen: Collection[int] = (),
) -> tuple[list[Tensor], Tensor]:  # fmt: skip
    """(mean step of each parameter, batch norm statistics (S,) recovered as from running ones).

    x (M, C, H, W), target (M, K): the `images` pictures of all clients, or as many for each epoch (M = epochs * images).
    momenta (S,): batch norm's momentum of each statistic; the last step weighs most, m (1 - m)^(T - t). frozen: places of
    parameters that do not train (`still`): they neither move nor count when gradients are clipped.
    """
    parts = dealt(images, schedule.clients)
    steps, seen = [], []
    for part in parts:
        s, stats = _client(
            gradient, start, x, target, schedule, momenta, part, images if len(x) > images else 0, frozen
        )
        steps.append(s)
        seen.append(stats)
    if len(parts) == 1:
        return steps[0], seen[0]
    return [sum(p[1:], p[0]) / len(parts) for p in zip(*steps, strict=True)], sum(seen[1:], seen[0]) / len(parts)


def still(update: Update) -> tuple[int, ...]:
    """Places of the parameters that did not train."""
    return tuple(i for i, name in enumerate(update.tensors) if name in update.frozen)


def _without(parts: list[Tensor], frozen: Collection[int]) -> list[Tensor]:
    """Zeros in the frozen places."""
    return [torch.zeros_like(p) if i in frozen else p for i, p in enumerate(parts)] if frozen else parts


def epochs(schedule: Schedule, images: int) -> int:
    """Number of epochs that the steps reach into."""
    each = max(len(part) for part in dealt(images, schedule.clients))
    return -(-schedule.steps // max(1, epoch_steps(each, schedule.batch_size, schedule.accumulate)))


def _client(
    gradient: Gradient, start: list[Tensor], x: Tensor, target: Tensor, schedule: Schedule, momenta: Tensor, part: range,
    stride: int, frozen: Collection[int],
) -> tuple[list[Tensor], Tensor]:  # fmt: skip
    theta, stats, weight = start, torch.zeros_like(momenta), torch.zeros_like(momenta)
    total: list[Tensor] | None = None
    memory: optimiser_steps.Memory = []
    per_epoch = epoch_steps(len(part), schedule.batch_size, schedule.accumulate)
    count = min(schedule.steps, schedule.epochs * per_epoch or schedule.steps)
    rates = schedule.decay.rates(schedule.learning_rate, count, per_epoch)
    played = list(steps_of(len(part), schedule.batch_size, count, schedule.accumulate))
    left = sum(len(parts) for parts in played)
    for t, parts in enumerate(played):
        g: list[Tensor] | None = None
        for index in parts:
            rows = (index + part.start + stride * (t // per_epoch)).to(x.device)
            found, seen = gradient(theta, x[rows], target[rows])
            g = found if g is None else [a + b for a, b in zip(g, found, strict=True)]
            left -= 1
            share = momenta * (1 - momenta) ** left
            stats, weight = stats + share * seen, weight + share
        assert g is not None
        if schedule.accumulate > 1:
            g = [p / schedule.accumulate for p in g]
        g = optimiser_steps.clipped(_without(g, frozen), schedule)
        step, memory = optimiser_steps.step(g, theta, memory, schedule, t + 1)
        step = _without(step, frozen)  # weight decay would pull them
        if t + 1 < count:
            theta = [p - rates[t] * s for p, s in zip(theta, step, strict=True)]
        if schedule.decay.kind != "none":
            step = [s * (rates[t] / schedule.learning_rate) for s in step]
        total = step if total is None else [a + s for a, s in zip(total, step, strict=True)]
    assert total is not None
    mean = [s / schedule.length for s in total]
    if schedule.pull:
        mean = [s - schedule.pull * w.detach() for s, w in zip(mean, start, strict=True)]
    return mean, stats / weight
