"""g' = g + n, density exp(-|n| / b) / (2 b) on every value; its standard deviation is sqrt(2) b.

Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5. Without clipping it gives no differential privacy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gi_core.defenses.base import Defense, Sent
from gi_core.types.updates import Update


class LaplaceNoise(Defense):
    """Server knows: sigma, the standard deviation, and the law."""

    def filter_update(self, update: Update) -> Update:
        b = self.settings.scale
        self.known |= {"sigma": 2**0.5 * b, "law": "laplace"}
        if b == 0:
            return update
        return replace(update, tensors={k: t + (b * self._unit(t)).to(t) for k, t in update.tensors.items()})

    def _unit(self, like: Tensor) -> Tensor:
        """Laplace(1): an exponential of either sign, from u in (-1/2, 1/2) as -sign(u) log(1 - 2 |u|)."""
        u = torch.rand(like.shape, generator=self.generator, dtype=torch.float64) - 0.5
        return -u.sign() * torch.log1p(-2 * u.abs().clamp(max=0.5 - 2.0**-54))

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"sigma": 2**0.5 * settings.scale, "law": "laplace"}
