"""g'_i = g_i with a share p of each tensor's values, drawn at random, else 0; not rescaled.

Konecny et al., Federated Learning: Strategies for Improving Communication Efficiency, 2016. ceil(p n) of n values stay.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from gi_core.defenses.base import Defense, Sent
from gi_core.types.updates import Update


class RandomPruning(Defense):
    """Server knows: the share, and the mask (name -> bool, True where a value was kept), which its seed may tell it."""

    def filter_update(self, update: Update) -> Update:
        share = self.settings.kept
        self.known["fraction"] = 1 - share
        if share == 1:
            return update
        mask = {}
        for name, tensor in update.tensors.items():
            flat = torch.zeros(tensor.numel(), dtype=torch.bool)
            order = torch.randperm(tensor.numel(), generator=self.generator)
            flat[order[: math.ceil(share * tensor.numel())]] = True
            mask[name] = flat.view(tensor.shape).to(tensor.device)
        self.known["mask"] = mask
        return replace(update, tensors={k: t * mask[k] for k, t in update.tensors.items()})

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"fraction": 1 - settings.kept, "mask": {name: t != 0 for name, t in sent.there.items()}}
