"""g' = g + s |g| v, v = J^T u / |J^T u| for the weakest direction u of J J^T that was found.

Of all perturbations of one norm, it moves a perfect matching attacker's picture farthest: by s |g| / sqrt(lambda_min).
After the inversion influence function, Zhang et al., NeurIPS 2023. A server that knows of it can project it away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.common.errors import SpecError
from gi_core.defenses.base import Defense, LocalRound, Sent
from gi_core.types.updates import Knowledge, Update

ROUNDS, VECTORS = 2, 200
MOST_VALUES, MOST_PARAMETERS = 8192, 3_000_000
SHIFT = 1e-7
"""Shift of the inverse iteration as a share of lambda_max: it finds directions as weak as that."""


class ProtectiveDirection(Defense):
    """Server knows: the strength. The sign of v is drawn."""

    def local_round(self, compute: LocalRound) -> LocalRound:
        def protected(model: nn.Module, inputs: Tensor, labels: Tensor) -> Update:
            update = compute(model, inputs, labels)
            self.known["strength"] = self.settings.strength
            size = self.settings.strength * update.norm()
            if size == 0:
                return update
            parts = self._direction(model, inputs, labels)
            sign = 1.0 if float(torch.rand((), generator=self.generator)) < 0.5 else -1.0
            tensors = {
                name: tensor + (sign * size * part).to(tensor)
                for (name, tensor), part in zip(update.tensors.items(), parts, strict=True)
            }
            return replace(update, tensors=tensors)

        return protected

    def _direction(self, model: nn.Module, inputs: Tensor, labels: Tensor) -> list[Tensor]:
        """v as one part for each parameter, |v| = 1: a few inverse iterations on J J^T."""
        from gi_core.numerics.picture_jacobian import Sample

        # Where batch norm takes the batch's statistics it is refused, for J is singular then.
        by_batch = any(isinstance(m, _BatchNorm) and m.training for m in model.modules())
        outputs = int(model(inputs[:1]).shape[1])
        channels = inputs.shape[1]
        knowledge = Knowledge(
            model, (channels, inputs.shape[2], inputs.shape[3]), outputs, (0.0,) * channels, (1.0,) * channels,
            batch_norm="train" if by_batch else "eval", loss=self.loss,
        )  # fmt: skip
        parameters = sum(p.numel() for p in model.parameters())
        if inputs.numel() > MOST_VALUES or parameters > MOST_PARAMETERS:
            raise SpecError(
                f"the protective direction is worked out for at most {MOST_VALUES} pixel values and"
                f" {MOST_PARAMETERS / 1e6:.0f} million parameters: choose a smaller picture or network, or Gaussian noise"
            )
        sample = Sample(knowledge, inputs, labels, inputs.device)
        shift = SHIFT * sample.largest()
        u = torch.randn(sample.size, generator=self.generator, dtype=torch.float64).to(sample.products.x)
        for _ in range(ROUNDS):
            u = sample.influence_at(u / u.norm(), shift, most=VECTORS)
        parts = sample.products.jt(u)
        length = float(sum((p.double() ** 2).sum() for p in parts)) ** 0.5
        return [p / length for p in parts]

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"strength": settings.strength}
