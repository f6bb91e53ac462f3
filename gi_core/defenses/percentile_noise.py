"""g' = g + sigma n, n ~ N(0, I), sigma = sigma0 * P_q(|g_i| over the values sent that are not zero).

After NVFlare's GaussianPrivacy filter (sigma0 = 0.1, q = 95). Shared batch norm statistics count as what is sent of them,
their change, and are noised alike. Different from it on purpose: step counters neither count nor are noised, a running
variance is kept at zero or more, the noise has a seed, and tensors keep their precision.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.defenses.base import Defense, LocalRound, Sent
from gi_core.types.updates import Update


class PercentileNoise(Defense):
    """Server knows: sigma, which it can also read off by the same rule but for the noise itself."""

    _before: dict[str, Tensor] = {}

    def local_round(self, compute: LocalRound) -> LocalRound:
        """Keeps the statistics before the round: a client sends their change."""

        def keeping(model: nn.Module, inputs: Tensor, labels: Tensor) -> Update:
            self._before = {name: b.detach().clone() for name, b in model.named_buffers()}
            return compute(model, inputs, labels)

        return keeping

    def filter_update(self, update: Update) -> Update:
        statistics = {k: t for k, t in (update.statistics or {}).items() if t.is_floating_point()}
        changes = [t - self._before[k] for k, t in statistics.items()]
        sizes = torch.cat([t.detach().flatten().double().abs() for t in (*update.tensors.values(), *changes)])
        sigma = self.settings.sigma0 * percentile(sizes[sizes > 0], self.settings.percentile)
        self.known["sigma"] = sigma
        if sigma == 0:
            return update
        tensors = {k: self._noisy(t, sigma) for k, t in update.tensors.items()}
        if update.statistics is None:
            return replace(update, tensors=tensors)
        noisy = {k: self._noisy(t, sigma) for k, t in statistics.items()}
        noisy |= {k: t.clamp(min=0) for k, t in noisy.items() if k.endswith("running_var")}
        return replace(update, tensors=tensors, statistics={**update.statistics, **noisy})

    def _noisy(self, tensor: Tensor, sigma: float) -> Tensor:
        noise = torch.randn(tensor.shape, generator=self.generator, dtype=torch.float32)
        return tensor + sigma * noise.to(tensor)

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        sizes = torch.cat([t.detach().flatten().double().abs() for t in sent.there.values()])
        return {"sigma": settings.sigma0 * _clean(percentile(sizes[sizes > 0], settings.percentile), settings)}


def percentile(values: Tensor, q: float) -> float:
    """The q-th percentile of values (M,), linear between neighbours as numpy's; 0 of none."""
    if not len(values):
        return 0.0
    return float(np.percentile(values.cpu().numpy(), q))


def _clean(seen: float, settings: Any) -> float:
    """The percentile before the noise, from that after it: for normal values their squares add up."""
    normal = torch.distributions.Normal(0.0, 1.0).icdf(
        torch.tensor(0.5 + settings.percentile / 200).clamp(max=1 - 1e-6)
    )
    return seen / math.sqrt(1 + (settings.sigma0 * float(normal)) ** 2)
