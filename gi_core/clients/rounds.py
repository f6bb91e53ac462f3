"""The rounds of one client on the same pictures: theta_{t+1} = theta_t + r Delta_t, or theta_t - r g_t, as if it were alone.

What moves the network is what was sent, so the server knows every theta_t. Each round draws its own noise.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from gi_core import defenses
from gi_core.clients.round import Memory, Round, play_one
from gi_core.common.errors import Diverged
from gi_core.data import Pictures
from gi_core.settings import Experiment
from gi_core.settings.client_base import Client
from gi_core.types.updates import Earlier, Update

LATER_ROUND = -200
"""Place of what a client draws in its second round; those of the next ones follow below (see `defenses.noise_seed`)."""
GRADIENT_RATE = 0.1
"""Step of the network between rounds that send a gradient, where nobody says otherwise."""


def play(
    experiment: Experiment, model: nn.Module, pictures: Pictures, device: str | torch.device,
    memory: Memory | None = None,
) -> Round:  # fmt: skip
    """The last of `client.rounds` rounds on `pictures`, which knows of those before it (`Knowledge.earlier`); each as `play_one`.

    memory: what the client's defenses keep from round to round, changed in place. Raises SpecError.
    """
    rounds, earlier = experiment.client.rounds, list[Earlier]()
    memory = {} if memory is None and rounds > 1 else memory
    for number in range(rounds):
        asked = experiment
        if number:
            seed = defenses.noise_seed(experiment.seed, LATER_ROUND - number) % 2**31
            asked = experiment.model_copy(update={"seed": seed})
        done = play_one(asked, model, pictures, device, memory)
        if number + 1 == rounds:
            break
        earlier.append(Earlier(done.update, done.knowledge))
        model = moved(done.knowledge.model, done.update, rate_of(experiment.client, done.update))
    return replace(done, knowledge=replace(done.knowledge, earlier=tuple(earlier))) if earlier else done


def rate_of(client: Client, update: Update) -> float:
    """By how much of the update the network moves."""
    if client.server_rate is not None:
        return client.server_rate
    return GRADIENT_RATE if update.kind == "gradient" else 1.0


@torch.no_grad()
def moved(model: nn.Module, update: Update, rate: float) -> nn.Module:
    """The network that the next round begins with. Raises Diverged."""
    after = copy.deepcopy(model)
    sign = -1.0 if update.kind == "gradient" else 1.0
    for name, p in after.named_parameters():
        p.add_(update.tensors[name].to(p), alpha=sign * rate)
        if not bool(torch.isfinite(p).all()):
            raise Diverged("the rounds diverge: choose a smaller client.server_rate or fewer rounds")
    return after
