"""Earlier rounds of the same pictures in a matching: the mean of all rounds' distances, (1/T) sum_t D(g_t(x), g_t*)."""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.client_round.simulation import RoundMap
from gi_core.attacks.matching.distance import Distance
from gi_core.settings.attacks import Matching
from gi_core.settings.plan import Plan
from gi_core.types.updates import Earlier


class EarlierRound:
    """One round before the one at hand."""

    def __init__(self, one: Earlier, o: Matching, plan: Plan, dtype: torch.dtype, device: torch.device):
        self.distance = Distance(one.update, one.knowledge, o, dtype, device)
        self.gradient = RoundMap(one.update, one.knowledge, self.distance.seen.loss, plan, dtype, device)

    def matched(self, x: Tensor, target: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """x (T, N, C, H, W), target (T, N, K) -> (gradients, the distance's slopes in them, the distance (T,))."""
        own = self.distance.seen.target  # what its own update shows; None where labels are searched
        wanted = target if own is None else own.expand(len(x), -1, -1)
        tensors, _ = self.gradient.play(x, wanted, self.distance.index)
        value, slopes = self.distance.objective([t.detach() for t in tensors])
        return tensors, slopes, value
