"""The batch norm term of a matching: which statistics are wanted, and on which network the candidate's are taken."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from gi_core.attacks.batch_norm import revealed
from gi_core.settings.attacks import Matching
from gi_core.types.updates import Knowledge, Update


class Statistics:
    """along: the simulated round gives the candidate's statistics. Otherwise `after` does, on a network of its own."""

    def __init__(
        self, target: revealed.Target, sent: Update, knowledge: Knowledge, o: Matching, dtype: torch.dtype,
        device: torch.device,
    ):  # fmt: skip
        from gi_core.networks import set_batch_norm

        self.distance = revealed.distance(o.batch_norm_distance, target, dtype, device)
        self.along = o.batch_norm_network == "global" and o.batch_norm_variance == "unbiased"
        if self.along:
            return
        network = copy.deepcopy(knowledge.model)
        if o.batch_norm_network == "updated":
            scale = 1.0 if sent.kind == "weight_change" else -1e-2  # one published step of a bare gradient
            with torch.no_grad():
                for p, change in zip(network.parameters(), sent.tensors.values(), strict=True):
                    p.add_(change.to(p), alpha=scale)
        self.network = set_batch_norm(network, knowledge.batch_norm).to(device, dtype).requires_grad_(False)
        self.watch = revealed.Watch(self.network, unbiased=o.batch_norm_variance == "unbiased")

    def after(self, x: Tensor) -> Tensor:
        """(T, M, C, H, W) -> (T, S), one trial after another."""
        found = []
        for pictures in x:
            self.network(pictures)
            found.append(self.watch.taken(pictures))
        return torch.stack(found)


def statistics(
    sent: Update, knowledge: Knowledge, o: Matching, dtype: torch.dtype, device: torch.device
) -> Statistics | None:
    """None where the term has no weight, or nothing to match."""
    target = revealed.recovered(sent, knowledge) if o.batch_norm_weight else None
    if target is None and o.batch_norm_weight and o.own_statistics:
        target = revealed.of_network(knowledge.model)
    return None if target is None else Statistics(target, sent, knowledge, o, dtype, device)
