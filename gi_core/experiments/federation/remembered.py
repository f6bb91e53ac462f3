"""What a server keeps of the clients that it attacks: the update of each round and the network before it, and what they show together."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from gi_core.analysis import exposure, uniqueness
from gi_core.analysis.exposure import Told
from gi_core.attacks import explaining
from gi_core.attacks.client_round.local_steps import one_step
from gi_core.clients.round import Round, normalised
from gi_core.common.errors import SpecError
from gi_core.data import Pictures
from gi_core.numerics.picture_jacobian import Sample
from gi_core.types.exposure import ClientExposure
from gi_core.types.updates import Earlier, Knowledge, Update

Kept = dict[str, Any]
"""One round in tensors, numbers and text, as a state file holds it."""


def kept(done: Round) -> Kept:
    """What is needed of a round later."""
    update, knowledge = done.update, done.knowledge
    return {
        "weights": knowledge.model.state_dict(), "tensors": update.tensors, "withheld": list(update.withheld),
        "defenses": list(knowledge.defenses), "labels": knowledge.labels,
    }  # fmt: skip


def together(before: list[Kept], done: Round) -> Round:
    """The round, which knows of those before it."""
    earlier = tuple(_earlier(one, done) for one in before)
    return replace(done, knowledge=replace(done.knowledge, earlier=earlier))


def _earlier(one: Kept, done: Round) -> Earlier:
    model = copy.deepcopy(done.knowledge.model)
    model.load_state_dict(one["weights"])
    update = replace(done.update, tensors=one["tensors"], withheld=tuple(one["withheld"]), statistics=None)
    known = replace(done.knowledge, model=model, defenses=tuple(one["defenses"]), labels=one["labels"], earlier=())
    return Earlier(update, known)


@dataclass
class Exposing:
    """What the rounds of each client show together; a round costs one Jacobian. told: client -> (rounds, what they tell)."""

    told: dict[int, tuple[int, Told]] = field(default_factory=dict)

    def of(self, client: int, mine: Pictures, done: Round) -> ClientExposure | None:
        """After the rounds that `done` knows of; None where they cannot be examined within `uniqueness.SECONDS` each."""
        rounds = [*((e.update, e.knowledge) for e in done.knowledge.earlier), (done.update, done.knowledge)]
        count, so_far = self.told.get(client, (0, None))
        try:
            for update, knowledge in rounds[count:]:
                new = _told(update, knowledge, mine, done)
                so_far = new if so_far is None else so_far.plus(new)
        except SpecError:
            return None
        assert so_far is not None  # there is a round
        self.told[client] = len(rounds), so_far
        found = exposure.row(len(rounds), so_far.known())
        return {**found, "directions": int(so_far.information.shape[0])}


def examined(done: Round) -> bool:
    """Whether the rounds of that client are few enough values, and single steps, so that they can be examined."""
    values = done.update.images * int(torch.Size(done.knowledge.input_shape).numel())
    return one_step(done.knowledge.schedule) and values <= exposure.MOST_EXACT


def _told(update: Update, knowledge: Knowledge, mine: Pictures, done: Round) -> Told:
    """What one round tells, at the precision of its update."""
    if not examined(done):
        raise SpecError("too many values or several steps")
    x = normalised(mine, torch.device("cpu")).double()
    exposure.refuse(knowledge, x, 1, uniqueness.SECONDS)
    sample = Sample(knowledge, x, done.labels.cpu(), "cpu")
    precision = explaining.counted(explaining.floor(update, knowledge)[0])
    return exposure.told(sample, precision * sample.norm / sample.parameters**0.5)
