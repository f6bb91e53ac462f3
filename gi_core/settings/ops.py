"""The layers that a network is drawn from: sizes and shapes, no weights, no torch.

Shapes are without the batch dimension: (C, H, W) for pictures and feature maps, (D,) for vectors. The file stays whole, as
an `Op` is one of these layers and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod
from typing import ClassVar, Literal

from gi_core.common.errors import SpecError
from gi_core.settings.network_base import LEAKY_SLOPE, Activation

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Conv:
    """y[k] = sum_c w[k, c] * x[c] + b[k], zero padding; weight (channels, channels_in / groups, kernel, kernel)."""

    op: ClassVar[str] = "conv"
    channels_in: int
    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True
    groups: int = 1
    dilation: int = 1

    @property
    def parameters(self) -> int:
        return self.channels * (self.channels_in // self.groups * self.kernel**2 + self.bias)

    def shape(self, x: Shape) -> Shape:
        if len(x) != 3 or x[0] != self.channels_in:
            raise SpecError(f"a convolution of {self.channels_in} channels does not take an input of shape {x}")
        if self.channels_in % self.groups or self.channels % self.groups:
            raise SpecError(
                f"{self.groups} groups do not divide a convolution's {self.channels_in} channels in"
                f" and {self.channels} out"
            )
        reach = self.dilation * (self.kernel - 1) + 1
        return (self.channels, *(_steps(n + 2 * self.padding, reach, self.stride) for n in x[1:]))


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
class GroupNorm:
    """y = gamma (x - mean) / sqrt(var + 1e-5) + beta, mean and variance over each group's channels and positions.

    Wu and He, Group Normalization, ECCV 2018. Of one picture: it keeps no statistics and mixes no pictures.
    """

    op: ClassVar[str] = "group_norm"
    groups: int
    channels: int

    @property
    def parameters(self) -> int:
        return 2 * self.channels

    def shape(self, x: Shape) -> Shape:
        if self.channels % self.groups:
            raise SpecError(f"{self.groups} groups of a group norm do not divide {self.channels} channels")
        return x


def norm(kind: str, channels: int, groups: int) -> BatchNorm | GroupNorm:
    """`batch`, or `group` with as many groups as divide both the number asked and the channels."""
    return GroupNorm(gcd(groups, channels), channels) if kind == "group" else BatchNorm(channels)


@dataclass(frozen=True)
class Act:
    """A non-linearity on each value. slope: of a leaky ReLU below zero."""

    op: ClassVar[str] = "activation"
    parameters: ClassVar[int] = 0
    kind: Activation | Literal["relu6"]
    slope: float = LEAKY_SLOPE

    def shape(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True)
class MaxPool:
    """Largest of each `size` x `size` window. stride: the size when left out."""

    op: ClassVar[str] = "max_pool"
    parameters: ClassVar[int] = 0
    size: int
    stride: int | None = None
    padding: int = 0

    def shape(self, x: Shape) -> Shape:
        return (x[0], *(_steps(n + 2 * self.padding, self.size, self.stride or self.size) for n in x[1:]))


@dataclass(frozen=True)
class AveragePool(MaxPool):
    """Mean of each `size` x `size` window. stride: the size when left out."""

    op: ClassVar[str] = "average_pool"


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


@dataclass(frozen=True)
class Concat:
    """Two inputs behind one another along the channels."""

    op: ClassVar[str] = "concat"
    parameters: ClassVar[int] = 0

    def shape(self, x: Shape, y: Shape) -> Shape:
        if x[1:] != y[1:]:
            raise SpecError(f"shapes {x} and {y} cannot be joined along their channels")
        return (x[0] + y[0], *x[1:])


@dataclass(frozen=True)
class Opaque:
    """A part that is not drawn further, such as an attention block. what: its name; out: shape it gives."""

    op: ClassVar[str] = "opaque"
    what: str
    out: Shape
    parameters: int = 0

    def shape(self, *x: Shape) -> Shape:
        return self.out


Op = (
    Conv | Dense | BatchNorm | GroupNorm | Act | MaxPool | AveragePool | GlobalAverage | Flatten | Add | Concat | Opaque
)


def _steps(extent: int, kernel: int, stride: int) -> int:
    if extent < kernel:
        raise SpecError("the picture is too small for this network: choose a larger size")
    return (extent - kernel) // stride + 1
