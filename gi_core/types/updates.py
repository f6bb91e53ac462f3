"""What crosses from client to server, and what the server has besides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor, nn

from gi_core.settings.losses import Loss
from gi_core.types.loss_terms import PLAIN, Terms
from gi_core.types.schedule import Schedule

__all__ = ["Earlier", "Fished", "Knowledge", "Schedule", "Update"]


@dataclass(frozen=True)
class Update:
    """What left the client.

    tensors: one per parameter, in `model.named_parameters()` order. kind `gradient`: dL/dtheta of
    the mean loss over `images` pictures; `weight_change`: theta after the round - theta before.
    statistics: buffers of batch norm after the round, by their names in the state dict (running_mean,
    running_var, num_batches_tracked), if shared. withheld: names of tensors that were not sent, whatever stands for them. frozen: of
    tensors that did not train, so a simulated round leaves them where they are. rounding: of whole weights that were sent in
    16 bits, the width of the cell that each value was rounded to, in the units of what was sent. silent: a control
    that says nothing, whatever its tensors are, so that only an attack's prior counts.
    """

    tensors: dict[str, Tensor]
    images: int
    kind: Literal["gradient", "weight_change"] = "gradient"
    statistics: dict[str, Tensor] | None = None
    withheld: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    rounding: dict[str, Tensor] | None = None
    silent: bool = False

    def norm(self) -> float:
        """L2 norm over all tensors."""
        return math.hypot(*(float(t.double().norm()) for t in self.tensors.values()))


@dataclass(frozen=True)
class Fished:
    """What a server fished for with the network that it sent: of_class, and how many of the pictures have it, which every
    attack is told as it is told how many pictures there are. alone: whether the update at hand is that of these alone.
    """

    of_class: int
    count: int
    alone: bool = False


@dataclass(frozen=True)
class Knowledge:
    """What the server has: never the private pictures.

    model: architecture and weights before the round. input_shape: (C, H, W). mean, std: (C,) of the
    normalisation, pixels = x * std + mean. labels: (N,) int64 if leaked and asked for, else None, in the
    order in which the client first uses its pictures. loss: name of `settings.losses` that the client
    minimises. schedule: of a weight change, None for a gradient. prior: (C, H, W) in [0, 1], a picture
    that the server takes to be like the private ones. defenses: what is known of each defense, if
    anything (for adaptive attacks). classes: outputs of the network, 1 for one logit. terms: what the client does to its
    loss besides. dropout: rate in front of the last dense layer. labels of several at once are (N, K), 0 or 1.
    fished: for what class the server changed the network's last layer; None of an honest one. earlier: rounds of the same
    pictures before this one, oldest first.
    """

    model: nn.Module
    input_shape: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: Tensor | None = None
    batch_norm: Literal["eval", "train"] = "eval"
    loss: Loss = "cross_entropy"
    schedule: Schedule | None = None
    prior: Tensor | None = None
    defenses: tuple[dict[str, Any], ...] = ()
    terms: Terms = PLAIN
    dropout: float = 0.0
    fished: Fished | None = None
    earlier: tuple[Earlier, ...] = ()

    def alone(self) -> Knowledge:
        """The same without the rounds before."""
        return replace(self, earlier=())


@dataclass(frozen=True)
class Earlier:
    """A round of the same pictures before the one at hand: what left the client then, and what the server knew of it."""

    update: Update
    knowledge: Knowledge
