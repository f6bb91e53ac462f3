"""What a client does to its loss besides choosing it: smoothing, class weights, a sum, a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gi_core.common.errors import SpecError


@dataclass(frozen=True)
class Terms:
    """What a client does to its loss: see `settings.client_base`. weights: of the classes, None where all are alike."""

    smoothing: float = 0.0
    weights: tuple[float, ...] | None = None
    reduction: Literal["mean", "sum"] = "mean"
    scale: float = 1.0

    def of_classes(self, like: Tensor) -> Tensor | None:
        """Weights (K,) for logits (..., K). Raises SpecError where there are not as many as classes."""
        if self.weights is None:
            return None
        if len(self.weights) != like.shape[-1]:
            raise SpecError(f"client.class_weights gives {len(self.weights)} weights for {like.shape[-1]} classes")
        return torch.tensor(self.weights, dtype=like.dtype, device=like.device)


PLAIN = Terms()
