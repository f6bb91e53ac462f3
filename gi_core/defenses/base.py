"""Where a defense can act on a client's round, and what a server would know of it.

One hook of three: `wrap_model` (before the round, the server sees the result), `local_round` (the
computation: per example, batches, schedule), `filter_update` (what leaves the client).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.settings import Experiment
from gi_core.settings.losses import Loss
from gi_core.types.result_parts import Promise
from gi_core.types.updates import Schedule, Update

LocalRound = Callable[[nn.Module, Tensor, Tensor], Update]
"""(model, inputs (N, C, H, W) normalised, labels (N,)) -> Update."""

StepGradient = Callable[[nn.Module, Tensor, Tensor], tuple[list[Tensor], float]]
"""(model, inputs (B, C, H, W), labels (B,)) -> (gradient of the mean loss by each parameter, that loss): of one step."""


@dataclass(frozen=True)
class Sent:
    """What a server has of a round that was played elsewhere. there: the tensors of `update` that were sent."""

    model: nn.Module
    update: Update
    schedule: Schedule | None

    @property
    def there(self) -> dict[str, Tensor]:
        return {name: t for name, t in self.update.tensors.items() if name not in self.update.withheld}


class Defense:
    """A defense that does nothing; a kind overrides the hook its settings name.

    known: what a server would know of it after the round (mask, sigma, clip, levels), which only
    an adaptive attack may use. Every draw comes from `generator`, a CPU generator seeded by
    (experiment seed, position of the defense), so that noise is the same on every device.
    """

    def __init__(self, settings: Any, generator: Generator, loss: Loss = "cross_entropy") -> None:
        self.settings = settings
        self.generator = generator
        self.loss = loss
        self.known: dict[str, Any] = {"kind": settings.kind}
        self.mean: tuple[float, ...] = (0.0,)  # of the input normalisation, (C,) each; set by the round
        self.std: tuple[float, ...] = (1.0,)

    def wrap_model(self, model: nn.Module) -> nn.Module:
        """The network that the round uses, and that the server knows."""
        return model

    def local_round(self, compute: LocalRound) -> LocalRound:
        """The computation of the round, changed."""
        return compute

    def step_gradient(self, compute: StepGradient) -> StepGradient:
        """The gradient of each step of the round, changed: the finer half of the hook `local_round`."""
        return compute

    def filter_update(self, update: Update) -> Update:
        """The update as it leaves the client. Must not write into the tensors it is given."""
        return update

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        """What a server that knows the settings reads of it off an update, in the words of `known` but `kind`. Raises SpecError."""
        raise SpecError(
            settings.unread or f"what a server knows of {settings.title} cannot be read off an update: leave it out"
        )

    def recall(self, memory: dict[str, Tensor]) -> None:
        """Take up what this client remembered after its round before; nothing before its first."""

    def remember(self) -> dict[str, Tensor] | None:
        """What this client keeps until its next round, by name; None where there is nothing to keep."""
        return None

    def knowledge(self, schedule: Schedule | None) -> dict[str, Any]:
        """`known`, after the round; schedule: of a weight change."""
        return self.known

    def promise(self, experiment: Experiment) -> Promise:
        """Plain values for the person who watches, after the round (epsilon); never for the attack."""
        return {}
