"""y = (W + B A) x + b: dense layers with adapters of low rank, of which alone a client sends the gradient (LoRA).

Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, with its factor alpha / r at 1. A (r, n) ~ N(0, 1 / n); B (m, r)
is zero before the first training, or ~ N(0, 1 / r) as after some. With d = dL/dy: dL/dA = B^T d x^T and dL/dB = d (A x)^T.
"""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gi_core.common.errors import SpecError
from gi_core.networks.init import seeded
from gi_core.networks.prepared import last_layer

A, B = "adapter_a", "adapter_b"
Start = Literal["zero", "trained"]


class Adapted(nn.Linear):
    """A dense layer (n to m) with an adapter; its weight and bias keep their names."""

    adapter_a: nn.Parameter
    adapter_b: nn.Parameter

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias) + F.linear(F.linear(input, self.adapter_a), self.adapter_b)


def adapted(model: nn.Module, rank: int, start: Start, seed: int) -> nn.Module:
    """A copy of `model` whose dense layers have adapters, drawn from `seed`; a network that has them is left as it is. Raises SpecError."""
    if any(isinstance(m, Adapted) for m in model.modules()):
        return model
    model = copy.deepcopy(model)
    dense = [(name, m) for name, m in model.named_modules() if type(m) is nn.Linear]
    if not dense:
        raise SpecError(
            "this network has no dense layer to adapt: choose client.trains=all or head, or another network"
        )
    with seeded(seed):
        for name, layer in dense:
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], _with_adapter(layer, rank, start))
    return model


def _with_adapter(layer: nn.Linear, rank: int, start: Start) -> Adapted:
    """The same layer with an adapter of rank r, at most what the layer has."""
    outputs, inputs = layer.weight.shape
    r = min(rank, outputs, inputs)
    made = Adapted(inputs, outputs, layer.bias is not None).to(layer.weight)
    made.weight, made.bias = layer.weight, layer.bias
    made.adapter_a = nn.Parameter(torch.randn(r, inputs).to(layer.weight) / inputs**0.5)
    b = torch.zeros(outputs, r) if start == "zero" else torch.randn(outputs, r) / r**0.5
    made.adapter_b = nn.Parameter(b.to(layer.weight))
    return made.train(layer.training)


def trained_names(model: nn.Module, trains: str) -> frozenset[str]:
    """Names of the parameters that train: adapters, or the last dense layer. Raises SpecError."""
    names = [name for name, _ in model.named_parameters()]
    if trains == "adapter":
        return frozenset(n for n in names if n.rpartition(".")[2] in (A, B))
    found = last_layer(model)
    if found is None:
        raise SpecError(
            "this network does not end in a dense layer, so it has no head to train: choose client.trains=all"
        )
    return frozenset(n for n in names if n.startswith(f"{found[0]}."))
