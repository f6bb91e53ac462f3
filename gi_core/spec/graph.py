"""A network as a plain graph of layers with shapes: no torch.

Modules are built from it, and analyses that only count equations read it. Shapes are without the
batch dimension: (C, H, W) for pictures and feature maps, (D,) for vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

from gi_core.spec.base import SpecError
from gi_core.spec.models import Activation

Shape = tuple[int, ...]
INPUT = "input"


@dataclass(frozen=True)
class Conv:
    """y[k] = sum_c w[k, c] * x[c] + b[k]; weight (channels, channels_in, kernel, kernel)."""

    op: ClassVar[str] = "conv"
    channels_in: int
    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True

    @property
    def parameters(self) -> int:
        return self.channels * (self.channels_in * self.kernel**2 + self.bias)

    def shape(self, x: Shape) -> Shape:
        if len(x) != 3 or x[0] != self.channels_in:
            raise SpecError(f"a convolution of {self.channels_in} channels does not take an input of shape {x}")
        return (self.channels, *(_steps(n + 2 * self.padding, self.kernel, self.stride) for n in x[1:]))


@dataclass(frozen=True)
class Dense:
    """y = W x + b; weight (features, features_in)."""

    op: ClassVar[str] = "dense"
    features_in: int
    features: int
    bias: bool = True

    @property
    def parameters(self) -> int:
        return self.features * (self.features_in + self.bias)

    def shape(self, x: Shape) -> Shape:
        if x != (self.features_in,):
            raise SpecError(f"a dense layer of {self.features_in} inputs does not take an input of shape {x}")
        return (self.features,)


@dataclass(frozen=True)
class BatchNorm:
    """y = gamma (x - mean) / sqrt(var + 1e-5) + beta per channel."""

    op: ClassVar[str] = "batch_norm"
    channels: int

    @property
    def parameters(self) -> int:
        return 2 * self.channels

    def shape(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True)
class Act:
    """A non-linearity on each value."""

    op: ClassVar[str] = "activation"
    parameters: ClassVar[int] = 0
    kind: Activation

    def shape(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True)
class MaxPool:
    """Largest of each `size` x `size` block (stride = size)."""

    op: ClassVar[str] = "max_pool"
    parameters: ClassVar[int] = 0
    size: int

    def shape(self, x: Shape) -> Shape:
        return (x[0], *(_steps(n, self.size, self.size) for n in x[1:]))


@dataclass(frozen=True)
class GlobalAverage:
    """Mean of each channel: (C, H, W) -> (C,)."""

    op: ClassVar[str] = "global_average"
    parameters: ClassVar[int] = 0

    def shape(self, x: Shape) -> Shape:
        return (x[0],)


@dataclass(frozen=True)
class Flatten:
    """(C, H, W) -> (C*H*W,), channel first."""

    op: ClassVar[str] = "flatten"
    parameters: ClassVar[int] = 0

    def shape(self, x: Shape) -> Shape:
        return (prod(x),)


@dataclass(frozen=True)
class Add:
    """Sum of two inputs of equal shape."""

    op: ClassVar[str] = "add"
    parameters: ClassVar[int] = 0

    def shape(self, x: Shape, y: Shape) -> Shape:
        if x != y:
            raise SpecError(f"shapes {x} and {y} cannot be added")
        return x


Op = Conv | Dense | BatchNorm | Act | MaxPool | GlobalAverage | Flatten | Add


def _steps(extent: int, kernel: int, stride: int) -> int:
    if extent < kernel:
        raise SpecError("the picture is too small for this network: choose a larger size")
    return (extent - kernel) // stride + 1


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
    def parameters(self) -> int:
        return self.op.parameters


@dataclass(frozen=True)
class Graph:
    """Layers in order of computation, which is also the order of their parameters."""

    input_shape: Shape
    layers: tuple[Layer, ...]

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
        source: str | None = None,
    ) -> str:
        source = source or self.last
        return self.add(name, Conv(self.shapes[source][0], channels, kernel, stride, padding, bias), source)

    def dense(self, name: str, features: int) -> str:
        return self.add(name, Dense(prod(self.shape), features))

    def graph(self) -> Graph:
        return Graph(self.input_shape, tuple(self.layers))
