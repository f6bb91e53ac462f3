"""The distance of a candidate's update from the one observed: its labels, the tensors that count, and the objective."""

from __future__ import annotations

import torch

from gi_core.attacks import objectives
from gi_core.attacks.adaptive import consistent
from gi_core.attacks.adaptive.knowledge import clipped, delta_is_true
from gi_core.attacks.base import Refused
from gi_core.attacks.labels.last_layer import sent
from gi_core.attacks.observation import belief_of, observe, refuse_bad_update
from gi_core.numerics.generators import generator
from gi_core.settings.attacks import Matching
from gi_core.types.updates import Knowledge, Update


class Distance:
    """update: in a gradient's units. seen, belief: see `observation`. objective: over the tensors `index`, None for all.
    events: what to say of these choices.
    """

    def __init__(self, update: Update, knowledge: Knowledge, o: Matching, dtype: torch.dtype, device: torch.device):
        self.events: list[str] = []
        self.update, self.knowledge, self.o = update, knowledge, o
        self.seen = observe(update, knowledge, self.strategy(), dtype, device)
        self.sent, self.belief = self.seen.sent, belief_of(update, knowledge, self.seen)
        self.random = o.tensors == "random8"
        self._choose(self.sent[:8] if self.random else self._named(o.tensors))

    def strategy(self) -> str:
        """The label strategy asked for, or the observed delta where the gradient is small and the settings ask for it then."""
        refuse_bad_update(norm := self.update.norm())
        o, schedule = self.o, self.knowledge.schedule
        readable = self.update.images == 1 and sent(self.update, self.knowledge)[1]
        readable = readable and (schedule is None or schedule.single)
        if o.labels == "joint" and clipped(self.update, self.knowledge):
            self.events.append(
                "clipping scaled the update by an unknown factor, which a free label would absorb: the label is read"
            )
            return "auto"
        if o.small_gradients == "published" or norm >= 1.0 or not readable:
            return o.labels
        if not delta_is_true(self.update, self.knowledge):
            return o.labels
        self.events.append(f"the gradient is small (norm {norm:.1e}), so dL/dlogits is read from the last bias")
        return "observed_delta"

    def _named(self, tensors: str) -> list[int]:
        try:
            chosen = objectives.choose_tensors(tensors, [self.seen.norms[i] for i in self.sent])
        except ValueError as error:
            raise Refused(str(error)) from None
        return [self.sent[i] for i in chosen]

    def _choose(self, index: list[int]) -> None:
        chosen, count = [self.seen.gradients[i] for i in index], len(self.seen.gradients)
        weights = objectives.depth_weights(self.o.weighting, index, count)
        refuse_bad_update(objectives.length(chosen))
        if self.belief is None:
            self.objective = objectives.make(self.o.objective, chosen, weights)
        else:
            belief = self.belief.of(index)
            self.objective = consistent.make(self.o.objective, chosen, weights, belief, self.o.second_order)
        self.index = None if len(index) == count else index

    def redraw(self, seed: int, iteration: int) -> None:
        """A new choice of tensors, where the settings ask for a random one."""
        if self.random:
            order = torch.randperm(len(self.sent), generator=generator(seed, 2**31 - 1, iteration))
            self._choose(sorted(self.sent[i] for i in order[:8].tolist()))
