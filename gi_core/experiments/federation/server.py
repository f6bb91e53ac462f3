"""v <- m v + sum_k n_k Delta_k / sum_k n_k, theta <- theta + r v: averaging on the server, and its test of the result.

McMahan et al., Communication-Efficient Learning, AISTATS 2017 (r = 1, m = 0); Hsu et al., 2019 (m > 0). n_k: pictures
of client k; of a gradient, Delta_k = -g_k. A layer that was withheld adds nothing.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gi_core.common.errors import Diverged
from gi_core.networks import set_batch_norm
from gi_core.networks.losses import LOSSES, as_target
from gi_core.settings.losses import Loss
from gi_core.types.updates import Update

BATCH = 256
Weighted = list[tuple[float, dict[str, Tensor]]]


def taking_part(clients: int, share: float, draw: torch.Generator) -> list[int]:
    """Clients of one round, from 0, ascending: at least one."""
    count = min(clients, max(1, math.floor(share * clients + 0.5)))
    return sorted(torch.randperm(clients, generator=draw)[:count].tolist())


@torch.no_grad()
def aggregate(
    model: nn.Module, updates: Sequence[Update], rate: float = 1.0, momentum: float = 0.0,
    velocity: dict[str, Tensor] | None = None,
) -> nn.Module:  # fmt: skip
    """The next global network; statistics of batch norm are averaged likewise where they were shared.

    velocity: v by name, changed in place; empty before the first round. Sums are taken in double precision, in the order
    of the clients. Raises Diverged.
    """
    total, velocity = sum(u.images for u in updates), {} if velocity is None else velocity
    after = copy.deepcopy(model)
    changes: Weighted = [(u.images / total * (-1 if u.kind == "gradient" else 1), u.tensors) for u in updates]
    for name, parameter in after.named_parameters():
        move = _sum(changes, name, parameter.device)
        if momentum:
            move = velocity[name] = momentum * velocity.get(name, torch.zeros_like(move)).to(move) + move
        parameter.copy_(parameter.double() + rate * move)
        if not bool(torch.isfinite(parameter).all()):
            raise Diverged("the federation diverged: choose a smaller learning rate or fewer local steps")
    shared: Weighted = [(u.images / total, u.statistics) for u in updates if u.statistics]
    if len(shared) == len(updates):
        buffers = dict(after.named_buffers())
        for name in shared[0][1]:
            mean = _sum(shared, name, buffers[name].device)
            buffers[name].copy_(mean if buffers[name].is_floating_point() else mean.round())
    return after


def _sum(parts: Weighted, name: str, device: torch.device) -> Tensor:
    return sum(weight * tensors[name].to(device).double() for weight, tensors in parts)  # type: ignore[return-value]


@torch.no_grad()
def evaluate(model: nn.Module, inputs: Tensor, labels: Tensor, loss: Loss, own_statistics: bool) -> tuple[float, float]:
    """(accuracy in [0, 1], mean loss) on inputs (N, C, H, W) normalised, labels (N,).

    own_statistics: batch norm takes the test pictures' own, for a server that was never given any.
    """
    model = set_batch_norm(model, "train" if own_statistics else "eval")
    right, total = 0, 0.0
    for x, y in zip(inputs.split(BATCH), labels.split(BATCH), strict=True):
        logits = model(x)
        guess = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
        right += int((guess == y).sum())
        total += float(LOSSES[loss](logits, as_target(y, logits.shape[1], logits))) * len(y)
    return right / len(labels), total / len(labels)
