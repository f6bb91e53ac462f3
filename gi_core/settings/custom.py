"""A network drawn by a person: rows of layers, as the page's builder shows them.

As a file it is `{"layers": [{"kind": "conv", "channels": 12, "kernel": 5, ...}, ...], "logits": "classes"}`, and
`custom:FILE.json` on a command line. A last dense layer to the outputs is always added.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.settings.base import Settings, setting
from gi_core.settings.network_base import LEAKY_SLOPE, Activation, Model

MOST_LAYERS = 40
_AFTER = "Non-linearity after the layer."
_SLOPE = "Slope below zero of a leaky ReLU."
_GROUPS = "Groups of a group norm after the convolution, in place of batch norm; 0: none."


class ConvLayer(Settings):
    kind: Literal["conv"] = "conv"
    channels: int = setting(16, "Channels out.", title="Channels", ge=1, le=2048)
    kernel: int = setting(3, "Side of the kernel.", title="Kernel", ge=1, le=31)
    stride: int = setting(1, "Pixels from one position to the next.", title="Stride", ge=1, le=16)
    padding: int = setting(1, "Zeros around the picture.", title="Padding", ge=0, le=15)
    groups: int = setting(1, "Groups of channels that do not see each other.", title="Groups", ge=1, le=2048)
    dilation: int = setting(1, "Distance of the kernel's taps.", title="Dilation", ge=1, le=8)
    bias: bool = setting(False, "A bias for each channel.", title="Bias")
    batch_norm: bool = setting(False, "Batch norm after the convolution.", title="Batch norm")
    group_norm: int = setting(0, _GROUPS, title="Groups of a group norm", ge=0, le=2048, added=True)
    activation: Activation = setting("leaky_relu", _AFTER, title="Activation")
    slope: float = setting(LEAKY_SLOPE, _SLOPE, title="Slope", gt=0, le=1)


class DenseLayer(Settings):
    kind: Literal["dense"] = "dense"
    features: int = setting(100, "Outputs.", title="Features", ge=1, le=16384)
    bias: bool = setting(False, "A bias for each output.", title="Bias")
    activation: Activation = setting("leaky_relu", _AFTER, title="Activation")
    slope: float = setting(LEAKY_SLOPE, _SLOPE, title="Slope", gt=0, le=1)


class ResidualLayer(Settings):
    """act(conv2(act(conv1 x)) + skip x); the skip is the identity, or a 1x1 convolution where shapes differ."""

    kind: Literal["residual"] = "residual"
    channels: int = setting(16, "Channels out.", title="Channels", ge=1, le=2048)
    kernel: int = setting(3, "Side of both kernels, odd.", title="Kernel", ge=1, le=31)
    stride: int = setting(1, "Stride of the first convolution and of the skip.", title="Stride", ge=1, le=16)
    bias: bool = setting(False, "Biases in the convolutions.", title="Bias")
    batch_norm: bool = setting(False, "Batch norm after each convolution.", title="Batch norm")
    group_norm: int = setting(0, _GROUPS, title="Groups of a group norm", ge=0, le=2048, added=True)
    activation: Activation = setting("leaky_relu", _AFTER, title="Activation")
    slope: float = setting(LEAKY_SLOPE, _SLOPE, title="Slope", gt=0, le=1)


class PoolLayer(Settings):
    kind: Literal["max_pool", "average_pool"] = "max_pool"
    size: int = setting(2, "Side of the window.", title="Window", ge=1, le=31)
    stride: int | None = setting(None, "Stride; the window's side when empty.", title="Stride", ge=1, le=31)


class GlobalAverageLayer(Settings):
    kind: Literal["global_average"] = "global_average"


AnyLayer = Annotated[
    ConvLayer | DenseLayer | ResidualLayer | PoolLayer | GlobalAverageLayer, Field(discriminator="kind")
]


class CustomNet(Model):
    kind: Literal["custom"] = "custom"
    title: ClassVar[str] = "Drawn network"
    description: ClassVar[str] = (
        "A network of your own: rows of layers, drawn on the rank-analysis page or read from a file."
    )

    layers: tuple[AnyLayer, ...] = setting(
        (ConvLayer(channels=12, kernel=5, stride=2, padding=2), ConvLayer(channels=12, kernel=5, stride=2, padding=2)),
        "The layers before the last dense one.",
        max_length=MOST_LAYERS,
    )
    logits: Literal["one", "classes"] = setting(
        "classes", "One logit for two classes, or one for each class.", title="Outputs", basic=True
    )
    bias: bool = setting(True, "A bias in the last layer.", title="Last bias", basic=True)

    @property
    def has_batch_norm(self) -> bool:
        return any(
            isinstance(row, (ConvLayer, ResidualLayer)) and row.batch_norm and not row.group_norm for row in self.layers
        )

    @property
    def one_logit(self) -> bool:
        return self.logits == "one"

    @property
    def name(self) -> str:
        return f"custom ({len(self.layers)} layers)"
