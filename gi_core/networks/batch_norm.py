"""Batch norm by stored statistics or by those of the batch at hand."""

from __future__ import annotations

import copy
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def set_batch_norm(model: nn.Module, mode: Literal["eval", "train"]) -> nn.Module:
    """A copy, in eval mode, whose batch norms use stored (`eval`) or batch (`train`) statistics.

    With `train` the stored statistics are dropped rather than updated, so the network stays a pure
    function and works under `torch.func`; everything else (dropout) stays in eval mode.
    """
    model = copy.deepcopy(model).eval()
    if mode == "train":
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.track_running_stats = False
                module.running_mean = module.running_var = module.num_batches_tracked = None
    return model


def has_batch_norm(model: nn.Module) -> bool:
    """Whether any of its layers is a batch norm."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())
