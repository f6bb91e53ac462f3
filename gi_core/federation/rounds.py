"""The federation itself: a global network, and round after round what each client that takes part sends.

A round of one client is `federated.play`, the same as in any run, so its Update and Knowledge are those of an Experiment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from gi_core import defenses, federated, models
from gi_core.data import Pictures
from gi_core.data.loading import prior as prior_picture
from gi_core.data.normalisation import TABLE
from gi_core.federated.round import Round, normalised
from gi_core.federated.types import Update
from gi_core.federation import server
from gi_core.federation.dataset import Shards
from gi_core.spec import losses
from gi_core.spec.base import SpecError
from gi_core.spec.federation import Federation, client_seed, round_of


@dataclass(frozen=True)
class Played:
    """number: of the round, from 1. before, after: global networks. sent: client (from 0) -> its update; seen: client
    under attack -> its round.
    """

    number: int
    before: nn.Module
    after: nn.Module
    sent: dict[int, Update]
    seen: dict[int, Round]


class Simulation:
    """Everything that stays the same from round to round. Raises SpecError where parts do not fit."""

    def __init__(self, settings: Federation, shards: Shards, device: torch.device) -> None:
        self.shards, self.device = shards, device
        self.settings = settings.model_copy(update={"model": shards.model})
        shape = tuple(shards.test.images.shape[1:])
        self.start = models.build(shards.model, shape, shards.test.classes).to(device)
        self.loss = losses.chosen(settings.client.loss, shards.model.one_logit)
        self._test = normalised(shards.test, device), torch.from_numpy(shards.test.labels).to(device)
        batch_norm = shards.model.has_batch_norm and settings.client.batch_norm == "train"
        self.untold = batch_norm and settings.client.statistics == "withheld"

    @property
    def normalise(self) -> str:
        """The input normalisation by a name that does not depend on the data set."""
        asked, data = self.settings.normalise, self.settings.data
        return asked if asked != "auto" else data if data in TABLE else "imagenet"

    def pictures(self, client: int) -> Pictures:
        """A client's pictures, with the prior that an attack which takes one is given."""
        mine = self.shards.clients[client]
        return replace(mine, prior=self.prior(client)) if hasattr(self.settings.attack, "prior") else mine

    def prior(self, client: int) -> np.ndarray | None:
        """The server's prior (C, H, W): the attack's own, else the mean picture of the other clients."""
        own = None
        if getattr(self.settings.attack, "prior", None):
            channels, size = self.shards.test.images.shape[1:3]
            own = prior_picture(round_of(self.settings), size, channels)
        return self.shards.prior(client) if own is None else own

    def play(
        self, number: int, before: nn.Module, about: Callable[[int, int], None] = lambda client, of: None
    ) -> Played:
        """One round. about(client, of how many) is called before each; its exception ends the round."""
        seed = defenses.noise_seed(self.settings.seed, -2 - number)
        draw = torch.Generator().manual_seed(seed)
        taking = server.taking_part(self.settings.clients, self.settings.participation, draw)
        sent, seen, victims = {}, {}, self.settings.victims if self.settings.attacks_in(number) else ()
        for place, client in enumerate(taking):
            about(place, len(taking))
            try:
                asked = round_of(self.settings, seed=client_seed(self.settings, number, client + 1))
                done = federated.play(asked, before, self.pictures(client), self.device)
            except SpecError as error:
                raise SpecError(f"client {client + 1} in round {number}: {error}") from None
            sent[client] = done.update
            if client + 1 in victims:
                seen[client] = done
        return Played(number, before, server.aggregate(before, list(sent.values())), sent, seen)

    def evaluate(self, model: nn.Module) -> tuple[float, float]:
        """(accuracy, loss) on the pictures that no client has."""
        return server.evaluate(model, *self._test, self.loss, self.untold)
