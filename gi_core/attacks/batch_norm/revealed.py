"""Batch norm statistics: what a network takes of a batch, what a client's running ones reveal, and their distance.

After T steps r_T = (1 - m)^T r_0 + sum_t m (1 - m)^(T - t) s_t, so the weighted mean of the batches' statistics is
(r_T - (1 - m)^T r_0) / (1 - (1 - m)^T): exactly the batch's mean and unbiased variance for T = 1. Hatamizadeh et al.,
IEEE TMI 2023; the step count T is batch norm's own counter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.attacks.base import Refused
from gi_core.types.updates import Knowledge, Update

FLOOR = 1e-12
Distance = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Statistics (T, S) -> (distance (T,), its gradient (T, S))."""


class Watch:
    """Mean and variance over (N, H, W) of the input of every batch norm, in a flat vector: means then variances of
    each layer in order. unbiased: N - 1, as running variances are kept.
    """

    def __init__(self, model: nn.Module, unbiased: bool = True):
        self.layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
        self.unbiased = unbiased
        self._seen: dict[int, Tensor] = {}
        for i, layer in enumerate(self.layers):
            layer.register_forward_pre_hook(lambda module, inputs, i=i: self._take(i, inputs[0]))

    def _take(self, i: int, x: Tensor) -> None:
        axes = (0, *range(2, x.dim()))
        count = x.numel() // x.shape[1]
        correction = 1 if self.unbiased and count > 1 else 0
        self._seen[i] = torch.cat([x.mean(axes), x.var(axes, correction=correction)])

    def taken(self, like: Tensor) -> Tensor:
        """(S,) of the last forward pass; empty without batch norm."""
        seen, self._seen = self._seen, {}
        return torch.cat([seen[i] for i in range(len(self.layers))]) if self.layers else like.new_zeros(0)

    def momenta(self, steps: int, like: Tensor) -> Tensor:
        """(S,) of each layer. A cumulative average (momentum None) weighs all steps alike, nearly as a tiny momentum."""
        return torch.cat([like.new_full((2 * m.num_features,), 1e-4 if m.momentum is None else m.momentum) for m in self.layers]
                         or [like.new_zeros(0)])  # fmt: skip


def by_batch(knowledge: Knowledge) -> int:
    """Number of batch norms that use the statistics of the batch at hand."""
    if knowledge.batch_norm != "train":
        return 0
    return sum(isinstance(m, _BatchNorm) for m in knowledge.model.modules())


@dataclass(frozen=True)
class Target:
    """values (S,) as `Watch` lays them out; sizes: channels of each layer; steps: taken by the client."""

    values: Tensor
    sizes: list[int]
    steps: int


def steps_taken(update: Update, model: nn.Module) -> int | None:
    """Local steps by batch norm's counter; None where it was not shared."""
    before = model.state_dict()
    for name, after in (update.statistics or {}).items():
        if name.endswith("num_batches_tracked") and name in before:
            return max(1, round(float(after) - float(before[name])))
    return None


def recovered(update: Update, knowledge: Knowledge) -> Target | None:
    """Statistics of the client's batches, from running ones before and after; None where none were shared."""
    if not update.statistics:
        return None
    counted = steps_taken(update, knowledge.model)
    steps = counted or (knowledge.schedule.steps if knowledge.schedule else 1)
    values, sizes = [], []
    for name, layer in knowledge.model.named_modules():
        if not isinstance(layer, _BatchNorm):
            continue
        keep = (1 - layer.momentum) ** steps if layer.momentum is not None else _cumulative(layer, steps)
        for key, before in (("running_mean", layer.running_mean), ("running_var", layer.running_var)):
            after = update.statistics.get(f"{name}.{key}")
            if after is None or before is None:
                raise Refused(f"the shared statistics lack {name}.{key}, so batch norm cannot be matched")
            value = (after.double().to(before.device) - keep * before.double()) / (1 - keep)
            values.append(value.clamp_min(FLOOR) if key == "running_var" else value)
        sizes.append(layer.num_features)
    if not sizes:
        return None
    flat = torch.cat(values)
    if not bool(torch.isfinite(flat).all()):
        raise Refused("the shared batch norm statistics hold values that are not finite")
    return Target(flat, sizes, steps)


def _cumulative(layer: _BatchNorm, steps: int) -> float:
    before = float(layer.num_batches_tracked or 0)
    return before / (before + steps)


def of_network(model: nn.Module) -> Target | None:
    """The running statistics that a trained network has: a prior for any batch (DeepInversion). None for a network that
    never tracked any, whose zeros and ones are of no batch.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not layers or not any(int(m.num_batches_tracked or 0) for m in layers):
        return None
    values = [v.double() for m in layers for v in (m.running_mean, m.running_var) if v is not None]
    return Target(torch.cat(values), [m.num_features for m in layers], 1)


def distance(kind: str, target: Target, dtype: torch.dtype, device: torch.device) -> Distance:
    """`relative`: sum over layers of |mu - mu*|^2 / |mu*|^2 + |v - v*|^2 / |v*|^2. `norms`: of |mu - mu*| + |v - v*|."""
    wanted = target.values.to(device, dtype)
    sizes = [n for size in target.sizes for n in (size, size)]
    scales = (
        torch.stack([(p.double() ** 2).sum() for p in target.values.split(sizes)]).clamp_min(FLOOR).to(device, dtype)
    )
    spread = torch.repeat_interleave(scales, torch.tensor(sizes, device=device))

    def relative(s: Tensor) -> tuple[Tensor, Tensor]:
        r = s - wanted
        v = r / spread
        return (v * r).sum(1), 2 * v

    def norms(s: Tensor) -> tuple[Tensor, Tensor]:
        parts = (s - wanted).split(sizes, 1)
        lengths = [p.norm(dim=1, keepdim=True) for p in parts]
        v = torch.cat([p / n.clamp_min(FLOOR) for p, n in zip(parts, lengths, strict=True)], 1)
        return torch.cat(lengths, 1).sum(1), v

    return relative if kind == "relative" else norms
