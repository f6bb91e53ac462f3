"""A network's layers with their numbers: weights and gradients of the update, batch norm folded in.

With batch norm in eval mode z' = a (W x + b - m) + beta, a = gamma / sqrt(v + eps): the layer acts as
W' = a W, b' = a (b - m) + beta, and of k' = dL/dz' the update shows G / a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.numerics.convolution_maps import Array
from gi_core.settings.chain import Affine, Block, Residual
from gi_core.types.updates import Update


@dataclass(frozen=True)
class Numbers:
    """weight, bias of z = W x + b after folding; gradient dL/dW and, where the layer has a bias or a batch norm,
    bias_gradient = sum over positions of dL/dz. shown: (F,) whether a filter's gradient carries information.
    """

    weight: Array
    bias: Array
    gradient: Array
    bias_gradient: Array | None
    shown: np.ndarray


def missing(blocks: Sequence[Block], update: Update) -> str | None:
    """Why a recursion through these blocks stops where a gradient it needs was not sent; None where all are there."""
    layers = [part for b in blocks for part in ((*b.main, b.skip) if isinstance(b, Residual) else (b,))]
    last = blocks[-1]
    for layer in layers:
        if not isinstance(layer, Affine):
            continue
        needed = [f"{layer.name}.weight", *([f"{layer.batch_norm or layer.name}.bias"] if layer is last else [])]
        absent = next((name for name in needed if _unsent(name, layer, update)), None)
        if absent:
            return f"{absent} was not sent, so the recursion stops at layer {layer.name}: choose gradient matching"
    return None


def _unsent(name: str, layer: Affine, update: Update) -> bool:
    """Whether a tensor was withheld, or does not train at all; a bias that is not there lacks nothing."""
    there = name in update.tensors or (name.endswith(".bias") and not (layer.op.bias or layer.batch_norm))
    return name in update.withheld or not there


def numbers(layer: Affine, model: nn.Module, update: Update) -> Numbers:
    """The numbers of one affine layer, float64."""
    module = model.get_submodule(layer.name)
    assert isinstance(module, nn.Conv2d | nn.Linear)  # or the trace would have stopped
    weight, gradient = _array(module.weight), _array(update.tensors[f"{layer.name}.weight"])
    outputs = len(weight)
    bias = np.zeros(outputs) if module.bias is None else _array(module.bias)
    bias_gradient = None if module.bias is None else _array(update.tensors[f"{layer.name}.bias"])
    shown = np.ones(outputs, bool)
    if layer.batch_norm:
        norm = model.get_submodule(layer.batch_norm)
        assert isinstance(norm, _BatchNorm) and norm.running_mean is not None and norm.running_var is not None
        scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
        bias = scale * (bias - _array(norm.running_mean)) + _array(norm.bias)
        shown = scale != 0
        across = scale.reshape(-1, *[1] * (weight.ndim - 1))
        weight = weight * across
        gradient = np.divide(gradient, across, out=np.zeros_like(gradient), where=across != 0)
        bias_gradient = _array(update.tensors[f"{layer.batch_norm}.bias"])
    return Numbers(weight, bias, gradient, bias_gradient, shown)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()
