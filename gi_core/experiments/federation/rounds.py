"""The federation itself: a global network, and round after round what each client that takes part sends.

A round of one client is `clients.play`, the same as in any run, so its Update and Knowledge are those of an Experiment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from gi_core import defenses, networks
from gi_core.clients import play
from gi_core.clients.round import Memory, Round, normalised
from gi_core.common.errors import SpecError
from gi_core.data import Pictures
from gi_core.data.loading import prior as prior_picture
from gi_core.data.normalisation import TABLE
from gi_core.defenses import wrapped
from gi_core.experiments.federation import server
from gi_core.experiments.federation.dataset import Shards
from gi_core.experiments.federation.remembered import Exposing, Kept, examined, kept, together
from gi_core.settings import losses
from gi_core.settings.federation import Federation, client_seed, round_of
from gi_core.settings.servers import Honest
from gi_core.types.updates import Update


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


@dataclass
class Carried:
    """What goes from round to round besides the network: the server's velocity by name, the clients' memories (from 0), and what the
    server keeps of the rounds of those that it attacks.
    """

    velocity: dict[str, Tensor] = field(default_factory=dict)
    memories: dict[int, Memory] = field(default_factory=dict)
    kept: dict[int, list[Kept]] = field(default_factory=dict)


class Simulation:
    """Everything that stays the same from round to round. Raises SpecError where parts do not fit."""

    def __init__(self, settings: Federation, shards: Shards, device: torch.device) -> None:
        self.asked, self.shards, self.device = settings, shards, device
        self.settings = settings.model_copy(update={"model": shards.model})
        shape = tuple(shards.test.images.shape[1:])
        self.loss = losses.chosen(settings.client.loss, shards.model.one_logit)
        plain = networks.build(shards.model, shape, shards.test.classes)
        self.start = wrapped(plain, settings.defenses, settings.seed).to(device)
        self._test = normalised(shards.test, device), torch.from_numpy(shards.test.labels).to(device)
        batch_norm = shards.model.has_batch_norm and settings.client.batch_norm == "train"
        self.withheld = batch_norm and settings.client.statistics == "withheld"
        self.exposing = Exposing()

    @property
    def normalise(self) -> str:
        """The input normalisation by a name that does not depend on the data set."""
        asked, data = self.settings.normalise, self.settings.data
        return asked if asked != "auto" else data if data in TABLE else "imagenet"

    def pictures(self, client: int, seed: int = 0) -> Pictures:
        """A client's pictures of one round, with the prior that an attack which takes one is given."""
        mine, batch = self.shards.clients[client], self.settings.batch
        if self.settings.client.sends == "gradient" and batch is not None and batch < len(mine.labels):
            chosen = np.random.default_rng(seed).choice(len(mine.labels), batch, replace=False)
            mine = replace(mine, images=mine.images[chosen], labels=mine.labels[chosen])
        return replace(mine, prior=self.prior(client)) if hasattr(self.settings.attack, "prior") else mine

    def prior(self, client: int) -> np.ndarray | None:
        """The server's prior (C, H, W): the attack's own, else the mean picture of the other clients."""
        own = None
        if self.settings.attack is not None and self.settings.attack.prior_picture:
            channels, *shape = self.shards.test.images.shape[1:]
            own = prior_picture(round_of(self.settings), tuple(shape), channels)
        return self.shards.prior(client) if own is None else own

    def play(
        self, number: int, before: nn.Module, about: Callable[[int, int], None] = lambda client, of: None,
        carried: Carried | None = None,
    ) -> Played:  # fmt: skip
        """One round. about(client, of how many) is called before each; its exception ends the round.

        carried: from the round before, changed in place; empty before the first. A server that changes the network does so for
        the clients under attack alone, and leaves their updates out, as they are of another network.
        """
        carried = Carried() if carried is None else carried
        settings, draw = (
            self.settings,
            torch.Generator().manual_seed(defenses.noise_seed(self.settings.seed, -2 - number)),
        )
        taking = server.taking_part(settings.clients, settings.participation, draw)
        sent, seen, victims = {}, {}, settings.victims if settings.attacks_in(number) else ()
        for place, client in enumerate(taking):
            about(place, len(taking))
            seed, memory = client_seed(settings, number, client + 1), carried.memories.setdefault(client, {})
            try:
                asked = round_of(settings, seed=seed)
                if client + 1 not in victims:
                    asked = asked.model_copy(update={"server": Honest()})
                done = play(asked, before, self.pictures(client, seed), self.device, memory)
            except SpecError as error:
                raise type(error)(f"client {client + 1} in round {number}: {error}") from None
            sent[client] = done.update
            if client + 1 in victims:
                seen[client] = self._with_earlier(done, carried.kept.setdefault(client, []))
        rate, momentum = settings.server_rate, settings.server_momentum
        honest = [update for k, update in sent.items() if k not in seen or not settings.server.changes]
        after = before if not honest else server.aggregate(before, honest, rate, momentum, carried.velocity)
        return Played(number, before, after, sent, seen)

    def _with_earlier(self, done: Round, before: list[Kept]) -> Round:
        """The round of a client under attack with those before it, where they are of use; it is kept for those after it."""
        if self.settings.server.changes or not (self.settings.together or examined(done)):
            return done
        whole = together(before, done)
        before.append(kept(done))
        return whole

    def evaluate(self, model: nn.Module) -> tuple[float, float]:
        """(accuracy, loss) on the pictures that no client has."""
        return server.evaluate(model, *self._test, self.loss, self.withheld)
