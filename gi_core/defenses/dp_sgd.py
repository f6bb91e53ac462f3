"""g' = (sum_n g_n min(1, C / ||g_n||_2) + z C n) / B, n ~ N(0, I): in every step of the client, g_n of one picture.

Abadi et al., Deep Learning with Differential Privacy, CCS 2016, algorithm 1. C: clip, z: noise multiplier, B: pictures of
the step. What that promises is worked out by `settings.accounting`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from gi_core.defenses.base import Defense, Sent, StepGradient
from gi_core.settings import Experiment, accounting
from gi_core.types.result_parts import Promise
from gi_core.types.updates import Schedule


class DpSgd(Defense):
    """Server knows: clip, z, and sigma, the noise on each value: z C / B, or lr / n sqrt(sum over the steps of all n
    clients of (z C / B)^2) of a weight change by plain SGD.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._variances: list[float] = []

    def step_gradient(self, compute: StepGradient) -> StepGradient:
        clip, multiplier = self.settings.clip, self.settings.noise_multiplier
        self.known |= {"clip": clip, "noise_multiplier": multiplier, "per_picture": True}

        def private(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[list[Tensor], float]:
            # One after another: whatever the loss is made of, each picture's gradient is exactly its own.
            total: list[Tensor] = []
            loss, size = 0.0, len(inputs)
            for i in range(size):
                gradient, value = compute(model, inputs[i : i + 1], labels[i : i + 1])
                scale = _scale(gradient, clip)
                clipped = [g * scale for g in gradient]
                total = clipped if not total else [a.add_(b) for a, b in zip(total, clipped, strict=True)]
                loss += value / size
            self._variances.append((multiplier * clip / size) ** 2)
            return [(t + multiplier * clip * self._noise(t)) / size for t in total], loss

        return private

    def knowledge(self, schedule: Schedule | None) -> dict[str, Any]:
        sigma = sum(self._variances) ** 0.5
        if schedule is None:
            return {**self.known, "sigma": sigma}
        plain = schedule.optimiser == "sgd" and not schedule.momentum and schedule.decay.kind == "none"
        if not plain or schedule.accumulate > 1 or schedule.clip_norm is not None or schedule.clip_value is not None:
            return self.known
        return {**self.known, "sigma": sigma * schedule.learning_rate / schedule.clients}

    def _noise(self, like: Tensor) -> Tensor:
        if self.settings.noise_multiplier == 0:
            return torch.zeros_like(like)
        return torch.randn(like.shape, generator=self.generator, dtype=torch.float32).to(like)

    def promise(self, experiment: Experiment) -> Promise:
        """epsilon (None: infinite), delta, rate, steps and the promise in words."""
        found = accounting.of_round(self.settings, experiment.client, experiment.pictures)
        return {**found.numbers(), "promise": found.sentence()}

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        clip, multiplier, schedule = settings.clip, settings.noise_multiplier, sent.schedule
        known = {"clip": clip, "noise_multiplier": multiplier, "per_picture": True}
        if schedule is None:
            return known | {"sigma": multiplier * clip / sent.update.images}
        if schedule.optimiser != "sgd" or schedule.momentum:
            return known
        size = max(1, min(schedule.batch_size, sent.update.images))
        total = math.sqrt(schedule.steps * schedule.clients) * multiplier * clip / size
        return known | {"sigma": total * schedule.learning_rate / schedule.clients}


def _scale(gradient: list[Tensor], clip: float) -> float:
    """min(1, C / norm), the norm over all parameters."""
    norm = sum(float((g.double() ** 2).sum()) for g in gradient) ** 0.5
    return min(1.0, clip / norm) if norm else 1.0
