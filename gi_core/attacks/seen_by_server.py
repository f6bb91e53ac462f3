"""What a server sees of a client's round, for whoever differentiates it: which values were sent, of how many steps, up to which factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from gi_core.analysis.uniqueness import PLAIN, Seen
from gi_core.attacks import explaining
from gi_core.attacks.adaptive.beliefs import believe
from gi_core.attacks.adaptive.past_dropout import past_dropout
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.attacks.client_round.simulation import RoundMap
from gi_core.networks.losses import loss_of
from gi_core.settings import SpecError
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update


def seen_of(update: Update, knowledge: Knowledge, recorded: bool = False) -> tuple[Knowledge, Seen]:
    """(the client as its round can be played, what is seen of it). recorded: the update was made elsewhere, so a factor on it may be
    unknown. Values that are known only to lie between bounds count as not seen. Raises SpecError where the round is too long.
    """
    update, knowledge = unscaled(update, knowledge)
    dropped, _ = past_dropout(update, knowledge)
    if dropped.model is not knowledge.model:
        knowledge = replace(dropped, dropout=0.0)  # the network itself drops what the client dropped
    observed = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    belief = believe(observed, knowledge)
    kept = tuple(
        torch.zeros_like(low) if name in update.withheld else ((low == high) & torch.isfinite(low)).to(low)
        for name, low, high in zip(update.tensors, belief.low, belief.high, strict=True)
    )
    played, gradients = _played(update, knowledge)
    whole = all(bool(k.all()) for k in kept)
    return knowledge, replace(
        PLAIN, played=played, kept=None if whole else kept, scaled=belief.rescaled or recorded, gradients=gradients
    )


def _played(update: Update, knowledge: Knowledge) -> tuple[_Round | None, int]:
    schedule = knowledge.schedule
    if schedule is None or one_step(schedule):
        return None, 1
    gradients = schedule.played * schedule.clients
    if gradients > explaining.MOST_STEPS:
        raise SpecError(f"the round has {gradients} local steps, and up to {explaining.MOST_STEPS} are played again")
    loss = loss_of(knowledge.loss, knowledge.terms)
    cpu = torch.device("cpu")
    return _Round(RoundMap(update, knowledge, loss, Plan(), torch.float64, cpu, rounds="simulated")), gradients


class _Round:
    """The mean step of a round of several, as `numerics.jacobian.Played`."""

    def __init__(self, round_map: RoundMap):
        self.map = round_map

    def __call__(self, x: Tensor, target: Tensor, only: Sequence[int] | None = None) -> list[Tensor]:
        return self.map.play(x, target, only)[0]
