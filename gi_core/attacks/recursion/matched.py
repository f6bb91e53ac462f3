"""A recursion followed by gradient matching: its picture starts Krylov Levenberg-Marquardt."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gi_core.attacks.base import State, Step
from gi_core.attacks.recursion import tracks
from gi_core.attacks.recursion.machine import Recursion
from gi_core.attacks.recursion.verdict import INEXACT
from gi_core.attacks.second_order.levenberg_marquardt import KrylovLM
from gi_core.settings.attacks import LevenbergMarquardt
from gi_core.settings.closed_form_attacks import Peeling, RGapHybrid


class Matched(Recursion):
    """The machine in two phases; `state["matching"]` is the optimiser's state once it runs."""

    settings: RGapHybrid | Peeling

    def init(self, seed: int) -> State:
        return {**super().init(seed), "seed": seed, "matching": None}

    def step(self, state: State) -> tuple[State, Step]:
        if state["matching"] is not None:
            return self._match(state)
        state, step = super().step(state)
        if not step.done or not self.settings.matching or not self.worth_matching(state):
            return state, step
        answer, label = super().answer(state)
        start = self.pixels.encode(answer.clamp(-1, 2))  # from a wild value (a wrong sign, inverted) none would return
        state["matching"] = self._optimiser(label).init_at(start, state["seed"])
        events = (*step.events, f"the recursion: {step.note}")
        return state, replace(step, done=False, note="", events=events)

    def worth_matching(self, state: State) -> bool:
        """Whether matching can gain: not where every layer was determined, nor where smoothness chose the picture."""
        c = tracks.source(state["candidates"])
        return not c["chosen"] and (bool(c["deficient"]) or c["residual"] > INEXACT)

    def _optimiser(self, label: Tensor) -> KrylovLM:
        settings = LevenbergMarquardt(
            iterations=self.settings.matching, restarts=0, labels="observed_delta" if self.last.op.bias else "known",
            total_variation=self.settings.total_variation if isinstance(self.settings, RGapHybrid) else 0.0,
            adaptive=self.settings.adaptive,
        )  # fmt: skip
        knowledge = replace(self.knowledge, labels=label)
        return KrylovLM(settings, self.update, knowledge, self.plan, torch.device("cpu"))

    def _match(self, state: State) -> tuple[State, Step]:
        optimiser = self._optimiser(super().answer(state)[1])
        state["iteration"] += 1
        state["matching"], step = optimiser.step(state["matching"])
        short = tracks.source(state["candidates"])["deficient"]
        if step.done and short:
            step = replace(step, note=f"layer {short} is short of equations; matching from there: {step.note}")
        return state, replace(step, iteration=state["iteration"])

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        found, label = super().answer(state)
        if state["matching"] is None:
            return found, label
        picture, _ = self._optimiser(label).answer(state["matching"])
        return picture, label
