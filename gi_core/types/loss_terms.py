"""What a client does to its loss besides choosing it: smoothing, class weights, a sum, a scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gi_core.common.errors import SpecError


@dataclass(frozen=True, eq=False)
class OwnLoss:
    """A loss that a person wrote: function(outputs, targets) -> scalar. targets: of all pictures, in any shape and type that
    it takes, their order that of the pictures; None where they are not known.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    targets: Tensor | None = None

    def __call__(self, outputs: Tensor) -> Tensor:
        """The loss of outputs (N, ...) in the order of the pictures. Raises SpecError without targets."""
        if self.targets is None:
            raise SpecError("a loss of your own needs its targets: give labels")
        targets = self.targets.to(outputs.device)
        return self.function(outputs, targets.to(outputs.dtype) if targets.is_floating_point() else targets)


@dataclass(frozen=True)
class Terms:
    """What a client does to its loss: see `settings.client_base`. weights: of the classes, None where all are alike. own: in
    place of a loss that the settings name.
    """

    smoothing: float = 0.0
    weights: tuple[float, ...] | None = None
    reduction: Literal["mean", "sum"] = "mean"
    scale: float = 1.0
    own: OwnLoss | None = None

    def of_classes(self, like: Tensor) -> Tensor | None:
        """Weights (K,) for logits (..., K). Raises SpecError where there are not as many as classes."""
        if self.weights is None:
            return None
        if len(self.weights) != like.shape[-1]:
            raise SpecError(f"client.class_weights gives {len(self.weights)} weights for {like.shape[-1]} classes")
        return torch.tensor(self.weights, dtype=like.dtype, device=like.device)


PLAIN = Terms()
