"""What rank analysis reads off a real network: weights with batch norm folded in, k, and which units are active.

One forward and backward pass of one random picture, in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.networks.losses import LOSSES, as_target
from gi_core.settings.chain import Affine, Block, Residual
from gi_core.settings.graph import Act, Shape
from gi_core.settings.losses import chosen

Array = NDArray[np.float64]
RELU6 = 6.0


@dataclass(frozen=True)
class Signals:
    """weights: layer -> W' = gamma / sqrt(var + eps) W. k: layer -> dL/dz' of its output z' after batch norm,
    (F, Ho, Wo) or (F,); missing where the network did not show it. known: layer -> outputs whose z' is read
    off the activation.
    """

    weights: dict[str, Array]
    k: dict[str, Array]
    known: dict[str, NDArray[np.bool_]]


def signals(blocks: tuple[Block, ...], model: nn.Module, input_shape: Shape, seed: int) -> Signals:
    """The signals of `model` on one picture drawn from U(0, 1); the model given is not changed."""
    model = copy.deepcopy(model).double().eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(1, *input_shape, generator=generator, dtype=torch.float64).requires_grad_()
    layers = {part.name: part for block in blocks for part in _parts(block)}
    made, entries = _watched(model, layers)
    logits = model(picture)
    target = as_target(torch.zeros(1, dtype=torch.long), logits.shape[1], logits)
    loss = LOSSES[chosen("auto", logits.shape[1] == 1)](logits, target)
    # the names before the call: a network may leave a layer out
    names = [name for name, value in made.items() if value.requires_grad]
    gradients = torch.autograd.grad(loss, [made[name] for name in names], allow_unused=True)
    k = {name: _array(g[0]) for name, g in zip(names, gradients, strict=True) if g is not None}
    known = {
        name: _known(layer.activation, made[name][0])
        for name, layer in layers.items()
        if layer.reading == "mask" and name in made
    }
    for block in blocks:
        if isinstance(block, Residual) and block.reading == "mask":
            last, skip = block.main[1].name, block.skip
            beside = made.get(skip.name) if skip else entries.get(block.main[0].name)
            if last in made and beside is not None:
                known[last] = _known(block.activation, (made[last] + beside)[0])
    return Signals({name: _weight(model, layer) for name, layer in layers.items()}, k, known)


def _parts(block: Block) -> Iterator[Affine]:
    if isinstance(block, Affine):
        yield block
    elif isinstance(block, Residual):
        yield from (*block.main, *([block.skip] if block.skip else []))


def _watched(model: nn.Module, layers: dict[str, Affine]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Filled by the next call: outputs of every layer after its batch norm, and inputs of every layer."""
    made: dict[str, Tensor] = {}
    entries: dict[str, Tensor] = {}
    for name, layer in layers.items():
        last, first = model.get_submodule(layer.batch_norm or name), model.get_submodule(name)
        last.register_forward_hook(lambda _, __, y, name=name: made.update({name: y}))
        first.register_forward_pre_hook(lambda _, x, name=name: entries.update({name: x[0]}))
    return made, entries


def _known(activation: Act | None, z: Tensor) -> NDArray[np.bool_]:
    active = z > 0
    if activation is not None and activation.kind == "relu6":
        active &= z < RELU6
    return active.numpy()


def _weight(model: nn.Module, layer: Affine) -> Array:
    weight = _array(model.get_submodule(layer.name).weight)  # type: ignore[arg-type]  # a parameter, or frozen
    if layer.batch_norm is None:
        return weight
    norm = model.get_submodule(layer.batch_norm)
    assert isinstance(norm, _BatchNorm) and norm.running_var is not None  # in eval mode it has them
    scale = _array(norm.weight / torch.sqrt(norm.running_var + norm.eps))
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1))


def _array(tensor: Tensor) -> Array:
    return tensor.detach().numpy()
