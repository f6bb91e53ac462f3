"""g'_i = 0 for the share p of each tensor's values that is smallest in size, else g_i.

Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5. Exactly floor(p * n) values of a
tensor of n are cleared, ties in order of position.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gi_core.defenses.base import Defense, Sent
from gi_core.types.updates import Update


class Pruning(Defense):
    """Server knows: the share, and the mask (name -> bool, True where a value was kept)."""

    def filter_update(self, update: Update) -> Update:
        fraction = self.settings.fraction
        self.known["fraction"] = fraction
        if fraction == 0:
            return update
        mask = masks(update.tensors, fraction, self.settings.scope)
        self.known["mask"] = mask
        return replace(update, tensors={k: t * mask[k] for k, t in update.tensors.items()})

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"fraction": settings.fraction, "mask": {name: t != 0 for name, t in sent.there.items()}}


def masks(tensors: dict[str, Tensor], fraction: float, scope: str) -> dict[str, Tensor]:
    """Name -> mask, False at the smallest values: of each tensor, or of all together (`scope` global)."""
    if scope == "tensor":
        return {name: kept(tensor, fraction) for name, tensor in tensors.items()}
    whole = kept(torch.cat([t.flatten() for t in tensors.values()]), fraction)
    parts = whole.split([t.numel() for t in tensors.values()])
    return {name: m.view_as(t) for (name, t), m in zip(tensors.items(), parts, strict=True)}


def kept(tensor: Tensor, fraction: float) -> Tensor:
    """Mask, shape of `tensor`, False at its floor(fraction * n) smallest absolute values."""
    flat = tensor.abs().flatten()
    mask = torch.ones_like(flat, dtype=torch.bool)
    mask[torch.argsort(flat, stable=True)[: int(fraction * flat.numel())]] = False
    return mask.view(tensor.shape)
