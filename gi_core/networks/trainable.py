"""Copies of a network as a client holds them while it trains."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def client_model(model: nn.Module, mode: str) -> nn.Module:
    """A trainable copy in eval mode, but for batch norm in `train`, which then tracks its running statistics."""
    model = copy.deepcopy(model).eval().requires_grad_(True)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.train(mode == "train")
    return model


def outputs(model: nn.Module, inputs: Tensor) -> int:
    """How many outputs the network has on pictures like `inputs`."""
    return client_model(model, "eval")(inputs[:1]).shape[1]
