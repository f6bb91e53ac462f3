"""A start from which deep sigmoid networks learn: unit-variance pre-activations.

With torch's default draw the signal of stacked sigmoids fades to its mean within three layers and
training stays at chance for many epochs. Layer by layer, weights are rescaled and biases shifted
until every pre-activation has mean 0 and a set deviation over a sample of the data (layer-sequential
unit variance, Mishkin & Matas 2016, per channel).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gi_core.networks.module import GraphModule
from gi_core.settings.graph import Act, BatchNorm, Conv, Dense

DEVIATION = {"sigmoid": 2.0, "softplus": 1.0}  # activations whose mean is far from zero
SAMPLE = 256


@torch.no_grad()
def warm_start(model: nn.Module, pictures: Tensor) -> bool:
    """Rescale `model` in place on normalised pictures (B, C, H, W); False where it is not needed."""
    if not isinstance(model, GraphModule):
        return False
    layers = {layer.name: layer for layer in model.graph.layers}
    ops = [layer.op for layer in model.graph.layers]
    if any(isinstance(op, BatchNorm) for op in ops) or not any(_faint(op) for op in ops):
        return False
    for layer in model.graph.layers:
        source = layers.get(layer.inputs[0])
        if _faint(layer.op) and source is not None and isinstance(source.op, Conv | Dense):
            _standardise(model, source.name, pictures, DEVIATION[layer.op.kind])  # type: ignore[union-attr]
    return True


def _faint(op: object) -> bool:
    return isinstance(op, Act) and op.kind in DEVIATION


def _standardise(model: GraphModule, name: str, pictures: Tensor, deviation: float) -> None:
    layer = model.get_submodule(name)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, output: seen.append(output))
    try:
        model(pictures)
    finally:
        handle.remove()
    values = seen[0].transpose(0, 1).flatten(1)
    scale = deviation / values.std(1).clamp_min(1e-6)
    layer.weight.mul_(scale.view(-1, *[1] * (layer.weight.dim() - 1)))
    if layer.bias is not None:
        layer.bias.copy_((layer.bias - values.mean(1)) * scale)
