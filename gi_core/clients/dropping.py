"""h -> m h / (1 - p) in front of the last dense layer, m ~ Bernoulli(1 - p): dropout as a client trains with it.

Srivastava et al., Dropout, JMLR 2014, in the inverted form of torch. The mask is drawn anew for each picture and pass.
A hook, so that the names of the weights and the network that the server knows stay as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.networks.prepared import last_layer


def dropping(model: nn.Module, rate: float, seed: int) -> nn.Module:
    """A copy of `model` that drops, drawing from `seed`; `model` itself at rate 0. Raises SpecError."""
    if not rate:
        return model
    draw = torch.Generator().manual_seed(seed)

    def drop(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        kept = torch.rand(inputs[0].shape, generator=draw) >= rate
        return (inputs[0] * kept.to(inputs[0]) / (1 - rate), *inputs[1:])

    return _hooked(model, drop)


def masked(model: nn.Module, kept: Tensor, rate: float) -> nn.Module:
    """A copy of `model` that keeps the features where `kept` (D,) is 1, as a client did in one pass."""

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0] * kept.to(inputs[0]) / (1 - rate), *inputs[1:])

    return _hooked(model, keep)


def _hooked(model: nn.Module, hook: Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]) -> nn.Module:
    model = copy.deepcopy(model)
    found = last_layer(model)
    if found is None:
        raise SpecError("dropout stands before the last dense layer, and this network does not end in one: set it to 0")
    found[1].register_forward_pre_hook(hook)
    return model
