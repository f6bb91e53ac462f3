"""What crosses from client to server, and what the server has besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from gi_core.spec.losses import Loss


@dataclass(frozen=True)
class Update:
    """What left the client.

    tensors: one per parameter, in `model.named_parameters()` order. kind `gradient`: dL/dtheta of
    the mean loss over `images` pictures. statistics: batch-norm statistics, if shared.
    """

    tensors: dict[str, Tensor]
    images: int
    kind: Literal["gradient", "weight_change"] = "gradient"
    statistics: dict[str, Tensor] | None = None

    def norm(self) -> float:
        """L2 norm over all tensors."""
        return sum(float((t.double() ** 2).sum()) for t in self.tensors.values()) ** 0.5


@dataclass(frozen=True)
class Knowledge:
    """What the server has: never the private pictures.

    model: architecture and weights before the round. input_shape: (C, H, W). mean, std: (C,) of the
    normalisation, pixels = x * std + mean. labels: (N,) int64 if leaked and asked for, else None.
    loss: name of `spec.losses` that the client minimises. defenses: what is known of each defense, if
    anything (for adaptive attacks). classes: outputs of the network, 1 for one logit.
    """

    model: nn.Module
    input_shape: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: Tensor | None = None
    batch_norm: Literal["eval", "train"] = "eval"
    loss: Loss = "cross_entropy"
    defenses: tuple[dict, ...] = field(default=())
