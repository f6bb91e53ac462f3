"""A network whose batch norms have the statistics of the client's batch as stored ones: in eval mode it computes what the
client's network computed in train mode, of the client's pictures.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.attacks.batch_norm import revealed
from gi_core.types.updates import Knowledge, Update


def with_batch_statistics(update: Update, knowledge: Knowledge) -> nn.Module | None:
    """A copy, statistics in float64; None where the client shared none. Running variances are unbiased, those that batch
    norm divides by are not: v (n - 1) / n for n values of a channel. Raises Refused where some are missing.
    """
    target = revealed.recovered(update, knowledge)
    if target is None:
        return None
    model = copy.deepcopy(knowledge.model).eval()
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    counts = _values(model, layers, update.images, knowledge.input_shape)
    found = target.values.cpu().split([n for size in target.sizes for n in (size, size)])
    for layer, count, mean, variance in zip(layers, counts, found[::2], found[1::2], strict=True):
        layer.running_mean, layer.running_var = mean.clone(), variance * (count - 1) / count
    return model


def _values(model: nn.Module, layers: list[_BatchNorm], images: int, shape: tuple[int, int, int]) -> list[int]:
    """How many values of a channel each layer takes its statistics over."""
    seen: dict[int, int] = {}

    def take(place: int, x: torch.Tensor) -> None:
        seen[place] = x.numel() // x.shape[1]

    hooks = [
        layer.register_forward_pre_hook(lambda module, inputs, i=i: take(i, inputs[0]))
        for i, layer in enumerate(layers)
    ]
    first = next(model.parameters())
    try:
        with torch.no_grad():
            model(torch.zeros(images, *shape, dtype=first.dtype, device=first.device))
    finally:
        for hook in hooks:
            hook.remove()
    return [max(seen[i], 1) for i in range(len(layers))]
