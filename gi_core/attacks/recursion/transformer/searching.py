"""Several pictures that equations do not tell apart, searched for in the few directions that those leave open (`reduced`), from the
preview. Nothing says that the least is found: the misfit does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport, State
from gi_core.attacks.recursion.transformer import costs, verdict
from gi_core.attacks.recursion.transformer.given import Given
from gi_core.attacks.recursion.transformer.preview import Preview
from gi_core.attacks.recursion.transformer.reduced import Reduced
from gi_core.attacks.second_order.damped_steps import DampedSteps

SPREAD, FURTHER = 0.02, 0.1
"""Deviation from the preview of the first start, in pixels of [0, 1], as pictures that are all alike may stay so; and of the others."""


class Searching:
    """See `given.Way`. whole: makes pictures of whole patches as large as the network's, in pixels."""

    def __init__(self, given: Given, before: Preview, whole: Callable[[Tensor], Tensor]):
        self.given, self.before, self.whole = given, before, whole
        self.steps = before.steps + given.settings.search
        self._reduced: Reduced | None = None

    def begin(self, seed: int) -> State:
        """seed: of the start's spread."""
        return {"seed": seed, "search": None, "z": None, "least": math.inf, "starts": 0, **self.before.begin(seed)}

    def operations(self) -> float:
        schedule = self.given.knowledge.schedule
        played = schedule.played if schedule is not None else 1
        return costs.searching(self.given.shape, self.given.settings, self.given.pictures, played).operations

    def step(self, state: State) -> LayerReport | None:
        if state["iteration"] <= self.before.steps:
            layer = self.before.step(state)
            state["ended"] = int(state["labels"].min()) < 0  # nothing to play a round with
            return layer
        damped = self.problem(state).damped
        if state["search"] is None:
            state["search"] = self._start(damped, state)
        found = state["search"]
        found["inner"] += 1
        ended = damped.advance(found)
        if found["residual"] < state["least"]:
            state["z"], state["least"] = found["x"].clone(), found["residual"]
        state["facts"]["replayed"] = math.sqrt(state["least"])
        state["ended"] = ended and state["facts"]["replayed"] < verdict.FOUND
        if ended and not state["ended"]:  # a least that explains too little: again, from elsewhere
            state["starts"], state["search"] = state["starts"] + 1, None
        return None

    def _start(self, damped: DampedSteps, state: State) -> State:
        draws = torch.Generator().manual_seed(state["seed"] + state["starts"])
        size = (self.given.pictures, len(state["patches"]), len(state["free"]))
        spread = (FURTHER if state["starts"] else SPREAD) * self.given.tiles.unit
        z = spread * torch.randn(size, dtype=torch.float64, generator=draws)
        return damped.begin(z, z.clone())

    def over(self, state: State) -> bool:
        return state["iteration"] >= self.before.steps and (state["ended"] or state["iteration"] >= self.steps)

    def pictures(self, state: State) -> Tensor | None:
        return self.before.pictures(state) if state["z"] is None else self.problem(state).pictures(state["z"])

    def note(self, state: State) -> str:
        if state["z"] is None:
            return self.before.note(state)
        return verdict.of_search(state["facts"]["replayed"], self.given.pictures, self.before.why)

    def residual(self, state: State) -> dict[str, float]:
        """Of every tensor that was sent, of the played round; {} before the search."""
        return {} if state["z"] is None else self.problem(state).residual(state["z"])

    def problem(self, state: State) -> Reduced:
        """Made once: it is the same after a resumption, as all of it is in the state."""
        if self._reduced is None:
            self._reduced = Reduced(self.given, self.whole, state["labels"], state["patches"], state["free"])
        return self._reduced
