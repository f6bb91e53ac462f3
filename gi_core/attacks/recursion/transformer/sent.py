"""What of an update the equations of a transformer are made of: float64, in the order and the layout of its patches.

    G = dL/dW = sum_t D_t p_t^T  (D x Cpq),   S_t = dL/dpos_t = D_t  (T x D)

Over the steps of SGD with momentum, whatever its rates and norm clipping, both are sums with the same factors, so the
equation between them stays true of one picture. Weight decay adds (a - 1) theta_0 to a change, with a known to the server.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from gi_core.attacks.client_round import optimiser_steps
from gi_core.networks.tokens import Tokens
from gi_core.types.updates import Knowledge, Schedule, Update


def there(update: Update, names: Iterable[str]) -> bool:
    """Whether all of these were sent."""
    return all(name in update.tensors and name not in update.withheld for name in names)


def of_patches(update: Update, knowledge: Knowledge, tokens: Tokens) -> Tensor:
    """G (D, Cpq)."""
    return _plain(update, knowledge, tokens.kernel).flatten(1)


def of_positions(update: Update, knowledge: Knowledge, tokens: Tokens) -> Tensor:
    """S (T, D)."""
    return _plain(update, knowledge, tokens.positions).reshape(-1, tokens.width)[-tokens.count :]


def _plain(update: Update, knowledge: Knowledge, name: str) -> Tensor:
    """A tensor without what weight decay did to it; its sign and scale do not matter, as they are those of all."""
    tensor = update.tensors[name].detach().cpu().double()
    schedule = knowledge.schedule
    if update.kind == "gradient" or schedule is None or not schedule.weight_decay:
        return tensor
    before = dict(knowledge.model.named_parameters())[name].detach().cpu().double()
    return tensor - (kept(schedule) - 1.0) * before


def kept(schedule: Schedule) -> float:
    """a: what SGD with weight decay leaves of a weight of one if every gradient is zero."""
    w = torch.ones((), dtype=torch.float64)
    memory: optimiser_steps.Memory = []
    for t, rate in enumerate(schedule.rates()):
        (moved,), memory = optimiser_steps.step([torch.zeros_like(w)], [w], memory, schedule, t + 1)
        w = w - rate * moved
    return float(w)
