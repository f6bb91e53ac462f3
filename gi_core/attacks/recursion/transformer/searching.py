"""Several pictures that equations do not tell apart, searched for in the few directions that those leave open.

    x_n = p + z_n F,   min over z of |g(x_1, .., x_B) - g*|^2 / |g*|^2 by Levenberg-Marquardt

p is the preview, F the directions to which all h_t of `coset` are blind: T^2 B (B - 1) unknowns in place of B T n. g plays the
client's round, so local steps that move the tokens are allowed for. Nothing says that the least is found: the misfit does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport, State
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.simulation import RoundMap
from gi_core.attacks.observation import observe
from gi_core.attacks.priors import SmoothPrior
from gi_core.attacks.recursion.transformer import costs, verdict
from gi_core.attacks.recursion.transformer.given import Given
from gi_core.attacks.recursion.transformer.preview import Preview
from gi_core.attacks.second_order.damped_steps import DampedSteps
from gi_core.attacks.second_order.matched import Matched, Together
from gi_core.attacks.second_order.residuals import Residual
from gi_core.networks.losses import Loss
from gi_core.settings.attacks import LevenbergMarquardt
from gi_core.settings.plan import Plan

SPREAD, FURTHER = 0.02, 0.1
"""Deviation from the preview of the first start, in pixels of [0, 1], as pictures that are all alike may stay so; and of the others."""


class Within(RoundMap):
    """The client's round as a function of z (1, B, T, f)."""

    def __init__(self, given: Given, loss: Loss, pictures: Callable[[Tensor], Tensor]):
        super().__init__(given.update, given.knowledge, loss, Plan(), torch.float64, torch.device("cpu"))
        self.pictures = pictures

    def __call__(self, x: Tensor, target: Tensor, only=None, graph: bool = True) -> list[Tensor]:
        shown = self.pictures(x[0])[None]
        if self.schedule is None:
            return super().__call__(shown, target, only, graph)
        return self.play(shown, target, only)[0]


class Searching:
    """See `given.Way`. whole: makes pictures of whole patches as large as the network's, in pixels."""

    def __init__(self, given: Given, before: Preview, whole: Callable[[Tensor], Tensor]):
        self.given, self.before, self.whole = given, before, whole
        self.steps = before.steps + given.settings.search
        self._damped: DampedSteps | None = None

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
        damped = self.damped(state)
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
        return self.before.pictures(state) if state["z"] is None else self._pictures(state, state["z"])

    def _pictures(self, state: State, z: Tensor) -> Tensor:
        return torch.stack([self.given.tiles.picture(state["patches"] + own @ state["free"]) for own in z])

    def note(self, state: State) -> str:
        if state["z"] is None:
            return self.before.note(state)
        return verdict.of_search(state["facts"]["replayed"], self.given.pictures, self.before.why)

    def residual(self, state: State) -> dict[str, float]:
        """Of every tensor that was sent, of the played round; {} before the search."""
        if state["z"] is None:
            return {}
        damped = self.damped(state)
        parts = zip(damped.rest(state["z"]), damped.residual.targets, strict=True)
        names = [name for name in self.given.update.tensors if name not in self.given.update.withheld]
        sizes = [float(r.norm()) / (float(t.norm()) or 1.0) for r, t in parts]
        return dict(zip(names, sizes, strict=True))

    def damped(self, state: State) -> DampedSteps:
        """The problem, made once: it is the same after a resumption, as all of it is in the state."""
        if self._damped is None:
            given, tiles = self.given, self.given.tiles
            known = replace(given.knowledge, labels=state["labels"])
            mean = as_mean_gradient(given.update, known.schedule, known.model)
            seen = observe(mean, known, "known", torch.float64, torch.device("cpu"))
            gradient = Within(given, seen.loss, lambda z: tiles.pixels.encode(self.whole(self._pictures(state, z))))
            targets = [seen.gradients[i] / seen.size for i in seen.sent]
            settings = LevenbergMarquardt(iterations=max(1, given.settings.search))
            only = None if len(seen.sent) == len(seen.gradients) else seen.sent
            one = Matched(gradient, seen.read()[0], only, 1.0 / seen.size, targets, None)
            self._damped = DampedSteps(settings, Together([one]), Residual(targets), SmoothPrior(0.0, 0.0), False)
        return self._damped
