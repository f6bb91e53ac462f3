"""The client's loss at the candidate and its labels, L(f(x), y), as a term of its own.

`fixed`: on the server's network, with the client's loss. `drifting`: as the released FL gradient inversion code has it,
binary cross-entropy of free labels sigmoid(t) on a network that takes one local step at each iteration and is never
restored.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from gi_core.networks.losses import Loss
from gi_core.numerics.gradient import GradientMap


class ClientLoss:
    """weight * L for one trial after another; a drifting network's weights live in `state`, one set per trial."""

    def __init__(self, gradient: GradientMap, loss: Loss, kind: str, weight: float, learning_rate: float):
        self.model, self.names = gradient.model, list(gradient.parameters)
        self.start = list(gradient.parameters.values())
        self.drifts, self.weight, self.rate = kind == "drifting", weight, learning_rate
        self.loss = F.binary_cross_entropy_with_logits if self.drifts else loss

    def init(self, trials: int) -> list[list[Tensor]]:
        """Weights of the drifting network of each trial; none for a fixed one."""
        return [[p.clone() for p in self.start] for _ in range(trials)] if self.drifts else []

    def add(self, x: Tensor, target: Tensor, gx: Tensor, gt: Tensor | None, drift: list[list[Tensor]] | None) -> Tensor:
        """Add weight * dL to gx (T, M, C, H, W) and to gt (T, N, K), if labels are searched. Returns L (T,).

        drift: each trial's weights, which take a step in place.
        """
        values = []
        for t in range(len(x)):
            moving = drift[t] if self.drifts and drift else None
            leaves = [p.detach().requires_grad_(moving is not None) for p in moving or self.start]
            picture, wanted = x[t].detach().requires_grad_(True), target[t].detach().requires_grad_(gt is not None)
            logits = functional_call(self.model, dict(zip(self.names, leaves, strict=True)), (picture,))
            soft = torch.sigmoid(wanted) if self.drifts and gt is not None else wanted
            value = self.loss(logits, soft)
            sources = [picture, *([wanted] if gt is not None else []), *(leaves if moving else [])]
            slopes = torch.autograd.grad(value, sources)
            gx[t].add_(slopes[0], alpha=self.weight)
            if gt is not None:
                gt[t].add_(slopes[1], alpha=self.weight)
            if moving:
                moving[:] = [p.detach() - self.rate * s for p, s in zip(leaves, slopes[-len(leaves) :], strict=True)]
            values.append(value.detach())
        return torch.stack(values)
