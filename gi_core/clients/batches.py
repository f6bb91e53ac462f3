"""Which pictures a client uses in each step of its round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from gi_core.types.updates import Schedule


def dealt(images: int, clients: int) -> list[range]:
    """The pictures of each client: consecutive, and as equal in number as possible."""
    ends = [round(images * k / clients) for k in range(clients + 1)]
    return [range(a, b) for a, b in zip(ends, ends[1:], strict=False)]


def batches(images: int, batch_size: int, steps: int, draw: torch.Generator | None = None) -> Iterator[torch.Tensor]:
    """Indices (B,) of each step: epoch after epoch in order, or each epoch in an order of its own.

    The last batch of an epoch is smaller where the pictures do not divide evenly.
    """
    done = 0
    while done < steps:
        order = torch.arange(images) if draw is None else torch.randperm(images, generator=draw)
        for part in order.split(batch_size):
            if done == steps:
                return
            yield part
            done += 1


def steps_of(
    images: int, batch_size: int, steps: int, accumulate: int, draw: torch.Generator | None = None
) -> Iterator[list[torch.Tensor]]:
    """Batches of each step: `accumulate` of them, or what is left at the end of an epoch."""
    each = -(-images // batch_size)
    epochs = -(-steps // -(-each // accumulate))
    taken: list[torch.Tensor] = []
    for number, index in enumerate(batches(images, batch_size, epochs * each, draw)):
        taken.append(index)
        if len(taken) == accumulate or (number + 1) % each == 0:
            yield taken
            taken, steps = [], steps - 1
            if steps == 0:
                return


def epoch_steps(images: int, batch_size: int, accumulate: int = 1) -> int:
    """Steps of one epoch."""
    return -(-images // batch_size // accumulate)


def assumed(images: int, steps: int | None, schedule: Schedule) -> Schedule:
    """The schedule of a server that knows only the step size and, from a counter, perhaps the steps: one epoch, or
    full batches where there were more steps than pictures.
    """
    each = -(-images // schedule.clients)
    steps = steps or 1
    size = -(-each // steps) if steps <= each else each
    return replace(schedule, steps=steps, batch_size=size, epochs=0, epoch=steps, passes=0, accumulate=1)
