"""A layer graph as a torch module."""

from __future__ import annotations

from torch import Tensor, nn

from gi_core.settings.graph import (
    INPUT,
    Act,
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAverage,
    Graph,
    GroupNorm,
    MaxPool,
    Op,
)

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "gelu": nn.GELU,
    "silu": nn.SiLU, "tanh": nn.Tanh, "elu": nn.ELU, "softplus": nn.Softplus, "none": nn.Identity,
}  # fmt: skip


class Sum(nn.Module):
    """x + y, never in place: a second derivative needs both."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Average(nn.Module):
    """(N, C, H, W) -> (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((-2, -1))


def layer_module(op: Op) -> nn.Module:
    """The torch module of one layer, drawn by torch's default initialisation."""
    match op:
        case Conv():
            return nn.Conv2d(
                op.channels_in, op.channels, op.kernel, op.stride, op.padding, op.dilation, op.groups, op.bias
            )
        case Dense():
            return nn.Linear(op.features_in, op.features, bias=op.bias)
        case BatchNorm():
            return nn.BatchNorm2d(op.channels)
        case GroupNorm():
            return nn.GroupNorm(op.groups, op.channels)
        case Act(kind="leaky_relu"):
            return nn.LeakyReLU(op.slope)
        case Act():
            return ACTIVATIONS[op.kind]()
        case AveragePool():
            return nn.AvgPool2d(op.size, op.stride, op.padding)
        case MaxPool():
            return nn.MaxPool2d(op.size, op.stride, op.padding)
        case GlobalAverage():
            return Average()
        case Flatten():
            return nn.Flatten()
        case Add():
            return Sum()
    raise TypeError(f"no module for {op!r}")


class GraphModule(nn.Module):
    """Runs the layers of `graph` in order: (N, C, H, W) -> logits (N, K).

    Each layer is the sub-module of its name, so parameters are named `conv1.weight` and come in
    the order of the layers.
    """

    graph: Graph

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        for layer in graph.layers:
            self.add_module(layer.name, layer_module(layer.op))
        chain = [INPUT, *(layer.name for layer in graph.layers)]
        self._sequential = all(layer.inputs == (before,) for layer, before in zip(graph.layers, chain, strict=False))

    def forward(self, x: Tensor) -> Tensor:
        if self._sequential:
            for layer in self.graph.layers:
                x = self._modules[layer.name](x)  # type: ignore[misc]
            return x
        values: dict[str, Tensor] = {INPUT: x}
        for layer in self.graph.layers:
            x = self._modules[layer.name](*(values[name] for name in layer.inputs))  # type: ignore[misc]
            values[layer.name] = x
        return x


def count(model: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in model.parameters())
