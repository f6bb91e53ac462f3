"""What every network has: how its weights are drawn, and how many outputs it gives.

`init` and `seed` mean: seed all generators with `seed`, construct (framework default), then
redraw each module's weight and bias in order, which is the published convention and makes
golden values reachable.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import Component, setting

Activation = Literal["sigmoid", "relu", "leaky_relu", "gelu", "silu", "tanh", "elu", "softplus", "none"]
Init = Literal["default", "uniform", "normal", "kaiming", "xavier"]

LEAKY_SLOPE = 0.01
"""torch's default slope of a leaky ReLU below zero."""

SMOOTH = {"sigmoid", "gelu", "silu", "tanh", "elu", "softplus"}


Norm = Literal["batch", "group"]


class Model(Component):
    """What every network has."""

    min_size: ClassVar[int] = 1
    channels_only: ClassVar[int | None] = None
    pretrained: ClassVar[bool] = False

    init: Init = setting(
        "default", "How weights are drawn: framework default, U(-0.5, 0.5) as in DLG, normal, kaiming or xavier.",
        title="Initialisation", basic=True,
    )  # fmt: skip
    seed: int = setting(0, "Seed of the network's weights.", title="Weight seed", ge=0, le=2**31 - 1)
    classes: int | None = setting(
        None, "Number of classes; the data's own when empty.", title="Classes", ge=1, le=22000
    )

    @property
    def has_batch_norm(self) -> bool:
        """Whether it keeps or takes statistics of a batch."""
        return False

    @property
    def one_logit(self) -> bool:
        """Whether it has one output for two classes."""
        return False

    @property
    def last_bias(self) -> bool:
        """Whether the last layer has a bias, of which a kind may have a setting."""
        return getattr(self, "bias", True)

    @property
    def kinked(self) -> bool:
        """Whether it has, or may have, activations with a kink."""
        return getattr(self, "activation", "relu") in ("relu", "leaky_relu")

    def outputs(self, data_classes: int) -> int:
        """Logits for data of so many classes: one, or one for each class."""
        return 1 if self.one_logit else self.classes or data_classes

    @property
    def usual_side(self) -> int | None:
        """Side of the pictures that it is usually given, where a form should offer that; None for the pictures' own."""
        return None

    def side_for(self, side: int) -> int:
        """The side of a square, in pixels, that the network takes in place of this one where nobody asked for any."""
        return max(side, self.min_size)


class NormedModel(Model):
    """A network whose convolutions are followed by a normalisation, batch norm unless the settings say otherwise."""

    norm: Norm = setting(
        "batch",
        "What follows a convolution: batch norm, or group norm, which keeps no statistics and mixes no pictures, as"
        " training with DP-SGD needs it.",
        title="Normalisation layers",
        added=True,
    )
    norm_groups: int = setting(
        32,
        "Groups of a group norm; where they do not divide the channels, the largest number that divides both. 1 is a"
        " layer norm.",
        title="Groups of a group norm",
        added=True,
        ge=1,
        le=2048,
    )

    @property
    def has_batch_norm(self) -> bool:
        return self.norm == "batch"
