"""g' = g + sigma * n, n ~ N(0, I): independent normal noise on every value.

Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5. sigma is in the update's own
units; without clipping it gives no differential privacy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from gi_core.defenses.base import Defense, Sent
from gi_core.types.updates import Update


class GaussianNoise(Defense):
    """Server knows: sigma."""

    def filter_update(self, update: Update) -> Update:
        sigma = self.settings.std
        self.known["sigma"] = sigma
        if sigma == 0:
            return update
        noisy = {}
        for name, tensor in update.tensors.items():
            noise = torch.randn(tensor.shape, generator=self.generator, dtype=torch.float32)
            noisy[name] = tensor + sigma * noise.to(tensor)
        return replace(update, tensors=noisy)

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"sigma": settings.std}
