"""How a client trains in a round: batches, optimiser, and the learning rate of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch.optim import lr_scheduler

Optimiser = Literal["sgd", "adam", "adamw"]


@dataclass(frozen=True)
class Decay:
    """The rate over a round, after `torch.optim.lr_scheduler`. period None: 1 for step, else the whole round."""

    kind: Literal["none", "step", "exponential", "cosine", "linear"] = "none"
    factor: float = 0.1
    start: float = 1.0
    period: int | None = None
    every: Literal["step", "epoch"] = "step"

    def rates(self, learning_rate: float, steps: int, epoch: int) -> list[float]:
        """The rate of each of so many steps, `epoch` of which make one: by torch's own schedulers."""
        if self.kind == "none":
            return [learning_rate] * steps
        optimiser = torch.optim.SGD([torch.zeros((), requires_grad=True)], learning_rate)
        whole = steps if self.every == "step" else -(-steps // epoch)
        made = self._scheduler(optimiser, learning_rate, self.period or (1 if self.kind == "step" else max(1, whole)))
        found = []
        for t in range(steps):
            found.append(float(optimiser.param_groups[0]["lr"]))
            optimiser.step()
            if self.every == "step" or (t + 1) % epoch == 0:
                made.step()
        return found

    def _scheduler(self, optimiser: torch.optim.Optimizer, rate: float, period: int) -> lr_scheduler.LRScheduler:
        if self.kind == "step":
            return lr_scheduler.StepLR(optimiser, period, self.factor)
        if self.kind == "exponential":
            return lr_scheduler.ExponentialLR(optimiser, self.factor)
        if self.kind == "cosine":
            return lr_scheduler.CosineAnnealingLR(optimiser, period, rate * self.factor)
        return lr_scheduler.LinearLR(optimiser, self.start, self.factor, period)


@dataclass(frozen=True)
class Schedule:
    """How a client trains in a round, as the server takes it to be.

    steps: of the client that takes most. batch_size: pictures in a batch, `accumulate` of which make a step. clients:
    among whom the pictures are dealt out. epochs: passes over a client's pictures, 0 where only the steps are known;
    epoch: steps of one. passes: batches in all, 0 likewise. The rest is as in `settings.client_steps`.
    """

    steps: int
    batch_size: int
    learning_rate: float
    optimiser: Optimiser = "sgd"
    momentum: float = 0.0
    clients: int = 1
    shuffled: bool = False
    epochs: int = 0
    epoch: int = 0
    passes: int = 0
    weight_decay: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    decay: Decay = Decay()
    clip_norm: float | None = None
    clip_value: float | None = None
    accumulate: int = 1

    @property
    def single(self) -> bool:
        """Whether the change of each client, less what weight decay did, is a known factor times one gradient."""
        clipped = self.clip_norm is not None or self.clip_value is not None
        return self.steps == 1 and self.optimiser == "sgd" and self.accumulate == 1 and not clipped

    def rates(self, epoch: int | None = None) -> list[float]:
        """The learning rate of each step. epoch: steps of one, of a client that has fewer."""
        return self.decay.rates(self.learning_rate, self.steps, epoch or self.epoch or self.steps)

    @property
    def length(self) -> float:
        """Steps of the whole learning rate that are as much as all of them, and what Nesterov makes of a single one."""
        total = self.steps if self.decay.kind == "none" else sum(self.rates()) / self.learning_rate
        return total * (1 + self.momentum) if self.steps == 1 and self.nesterov else total

    @property
    def scale(self) -> float:
        """-1 / (learning_rate * `length`): weight change to mean gradient of the round (SGD)."""
        return -1.0 / (self.learning_rate * self.length)

    @property
    def played(self) -> int:
        """Batches that are passed through the network."""
        return self.passes or self.steps * self.accumulate

    @property
    def response(self) -> float:
        """What `scale * change` would be of SGD if every gradient of the round were 1: 1, or more by momentum."""
        if self.optimiser != "sgd" or not self.momentum:
            return 1.0
        total, held = 0.0, None
        for rate in self.rates():
            held = 1.0 if held is None else self.momentum * held + (1 - self.dampening)
            total += rate * (1.0 + self.momentum * held if self.nesterov else held)
        return total / (self.learning_rate * self.length)

    @property
    def pull(self) -> float:
        """c of the part c theta_0 of `scale * change` that weight decay alone would give if the weights stood still.

        The server knows it, so it is taken out of what is matched. Adam divides it by the gradient's size: 0 there.
        """
        if not self.weight_decay or self.optimiser == "adam":
            return 0.0
        return self.weight_decay * self.response
