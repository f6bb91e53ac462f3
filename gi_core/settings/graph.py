"""A network as a plain graph of layers with shapes: no torch.

Modules are built from it, and analyses that only count equations read it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from gi_core.settings.ops import (
    Act,
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    Flatten,
    GlobalAverage,
    GroupNorm,
    MaxPool,
    Op,
    Opaque,
    Shape,
    norm,
)

__all__ = [
    "INPUT", "Act", "Add", "AveragePool", "BatchNorm", "Builder", "Concat", "Conv", "Dense", "Flatten", "GlobalAverage",
    "Graph", "GroupNorm", "Layer", "MaxPool", "Op", "Opaque", "Shape", "norm",
]  # fmt: skip

INPUT = "input"


@dataclass(frozen=True)
class Layer:
    """One step. name: module path in the network. inputs: names of earlier layers, or "input"."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    shape: Shape

    @property
    def kind(self) -> str:
        return self.op.op

    @property
    def what(self) -> str:
        """What a sentence calls it."""
        return self.op.what if isinstance(self.op, Opaque) else self.kind

    @property
    def parameters(self) -> int:
        return self.op.parameters


@dataclass(frozen=True)
class Graph:
    """Layers in order of computation, which is also the order of their parameters."""

    input_shape: Shape
    layers: tuple[Layer, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        """The graph itself: nothing in it changes, and a client copies its network in every round."""
        return self

    @property
    def parameters(self) -> int:
        """Number of trainable values."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def output_shape(self) -> Shape:
        return self.layers[-1].shape


@dataclass
class Builder:
    """Appends layers and works out their shapes; `last` names the newest."""

    input_shape: Shape
    layers: list[Layer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    last: str = INPUT

    def __post_init__(self) -> None:
        self.shapes[INPUT] = self.input_shape

    @property
    def shape(self) -> Shape:
        return self.shapes[self.last]

    def add(self, name: str, op: Op, *inputs: str) -> str:
        """Append; without `inputs` it follows the newest layer. Returns the name."""
        sources = inputs or (self.last,)
        shape = op.shape(*(self.shapes[s] for s in sources))
        self.layers.append(Layer(name, op, sources, shape))
        self.shapes[name], self.last = shape, name
        return name

    def conv(
        self,
        name: str,
        channels: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        *,
        bias: bool = True,
        groups: int = 1,
        dilation: int = 1,
        source: str | None = None,
    ) -> str:
        source = source or self.last
        op = Conv(self.shapes[source][0], channels, kernel, stride, padding, bias, groups, dilation)
        return self.add(name, op, source)

    def dense(self, name: str, features: int, *, bias: bool = True) -> str:
        return self.add(name, Dense(prod(self.shape), features, bias))

    def graph(self) -> Graph:
        return Graph(self.input_shape, tuple(self.layers))
