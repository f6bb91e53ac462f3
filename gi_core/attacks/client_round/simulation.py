"""The client's round played on a candidate: what would have been sent, in a gradient's units, and its statistics.

A gradient and a round of one step are one gradient. A round of several steps is simulated step by step
(`local_steps`), or taken for one gradient at weights halfway through it, theta_0 + (theta_T - theta_0) / 2, whose
direction is close to that of the whole change (surrogate model: Zhu et al., Surrogate Model Extension, ICML 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from gi_core.attacks.batch_norm.revealed import Watch
from gi_core.attacks.client_round.local_steps import epochs, mean_step, one_step, simulated_steps, still
from gi_core.networks.losses import Loss
from gi_core.numerics.gradient import GradientMap
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update


class RoundMap(GradientMap):
    """x, target -> what the client would have sent, (T, *shape) of each parameter, and statistics (T, S).

    update: as it left the client, with the pictures it is of. rounds: auto, simulated or surrogate. watch: whether
    batch norm's statistics are wanted. free: whether each epoch has pictures of its own (`copies` times as many).
    """

    def __init__(
        self, update: Update, knowledge: Knowledge, loss: Loss, plan: Plan, dtype: torch.dtype, device: torch.device,
        *, rounds: str = "auto", watch: bool = False, free: bool = False,
    ):  # fmt: skip
        super().__init__(knowledge, loss, plan, dtype, device)
        self.images, schedule = update.images, knowledge.schedule
        self.still = still(update)
        self.simulated = simulated_steps(schedule, rounds) > 0
        self.schedule = schedule if self.simulated else None
        self.copies = epochs(schedule, update.images) if free and self.simulated and schedule else 1
        self.watch = Watch(self.model) if watch else None
        steps = schedule.steps if schedule else 1
        self.momenta = self.watch.momenta(steps, self.leaves[0].detach()) if self.watch else self.leaves[0].new_zeros(0)
        self.surrogate = not one_step(schedule) and not self.simulated
        if self.surrogate:
            self._halfway(update)
        self._together = vmap(self._play_one, in_dims=(0, 0))

    @torch.no_grad()
    def _halfway(self, update: Update) -> None:
        for p, change in zip(self.leaves, update.tensors.values(), strict=True):
            p.add_(change.to(p), alpha=0.5)
        self.parameters = {k: p.detach() for k, p in self.model.named_parameters()}

    def play(self, x: Tensor, target: Tensor, only: Sequence[int] | None = None) -> tuple[list[Tensor], Tensor]:
        """x (T, M, C, H, W), target (T, M, K) -> (tensors, of the parameters `only` if given; statistics (T, S))."""
        if self.schedule is None and self.watch is None:
            return self(x, target, only), x.new_zeros(len(x), 0)
        self.apart(len(x) == 1)
        if len(x) > 1:
            tensors, seen = self._together(x, target)
        else:
            tensors, seen = self._alone(x[0], target[0])
            tensors, seen = [t[None] for t in tensors], seen[None]
        return (tensors if only is None else [tensors[i] for i in only]), seen

    def _alone(self, x: Tensor, target: Tensor) -> tuple[list[Tensor], Tensor]:
        """Plain autograd, which is faster for one trial."""
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)

        def gradient(theta: list[Tensor], pictures: Tensor, wanted: Tensor) -> tuple[list[Tensor], Tensor]:
            value = self.loss(self._logits(theta, pictures), wanted)
            found = torch.autograd.grad(value, theta, create_graph=True, allow_unused=True)
            slopes = [torch.zeros_like(p) if g is None else g for p, g in zip(theta, found, strict=True)]
            return slopes, self._seen(pictures)

        return self._round(gradient, list[Tensor](self.leaves), x, target)

    def _play_one(self, x: Tensor, target: Tensor) -> tuple[list[Tensor], Tensor]:
        def value(theta: list[Tensor], pictures: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
            loss = self.loss(self._logits(theta, pictures), wanted)
            return loss, self._seen(pictures)

        return self._round(grad(value, has_aux=True), list(self.parameters.values()), x, target)

    def _round(self, gradient, start: list[Tensor], x: Tensor, target: Tensor) -> tuple[list[Tensor], Tensor]:
        if self.schedule is None:
            return gradient(start, x, target)
        return mean_step(gradient, start, x, target, self.schedule, self.momenta, self.images, self.still)

    def _logits(self, theta: list[Tensor], pictures: Tensor) -> Tensor:
        return functional_call(self.model, dict(zip(self.parameters, theta, strict=True)), (pictures,))

    def _seen(self, pictures: Tensor) -> Tensor:
        return self.watch.taken(pictures) if self.watch else pictures.new_zeros(0)
