"""One iteration of a matching's points: a step of L-BFGS, or one of Adam or SGD with sign, box, noise and filter."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from gi_core.attacks.base import State
from gi_core.attacks.matching.problem import MatchingProblem
from gi_core.attacks.observation import refuse_too_large
from gi_core.attacks.priors import median_filter
from gi_core.numerics.cuda_graphs import Replay
from gi_core.numerics.first_order import SCHEDULES, Adam, Nesterov
from gi_core.numerics.generators import generator
from gi_core.numerics.lbfgs import Lbfgs
from gi_core.settings.attacks import Dlg, Matching

Terms = dict[str, Tensor]


class QuasiNewton:
    """L-BFGS for all trials at once. boxed: whether pixels are kept in [0, 1]. Raises Refused for a history that is too large."""

    def __init__(self, problem: MatchingProblem, o: Matching):
        self.problem, self.rate, self.boxed = problem, o.learning_rate, o.boxed and problem.space.pixelwise
        self.optimiser = Lbfgs(o.learning_rate, o.inner, o.history) if isinstance(o, Dlg) else Lbfgs()
        numbers = 2 * o.trials * self.optimiser.history * problem.space.size
        refuse_too_large("the history of L-BFGS", numbers, problem.dtype, problem.device)

    def move(self, state: State, live: list[int]) -> tuple[Terms, list[bool], float]:
        """Move the `live` points of state["z"] in place: terms before the move, which trials could not move, and the rate."""
        first: Terms = {}

        def evaluate(z: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            gradient, terms = self.problem.evaluate(z)
            if not first:
                first.update(terms)
            return terms["total"], gradient

        z, here = state["z"], torch.tensor(live, device=state["z"].device)
        _, frozen = self.optimiser.step(state["optimiser"], z, here, evaluate)
        if self.boxed:
            z[here] = self.problem.box(z[here])
        return first, frozen.tolist(), self.rate


class FirstOrder:
    """Adam or SGD, elementwise, with the methods of `QuasiNewton`. graphs: whether a step may be replayed as a CUDA graph."""

    def __init__(self, problem: MatchingProblem, o: Matching, graphs: bool):
        self.problem, self.o, self.boxed = problem, o, o.boxed and problem.space.pixelwise
        adam = Adam((0.9, 0.9)) if o.betas == "equal" else Adam()
        self.optimiser: Adam | Nesterov = Nesterov() if o.optimiser == "sgd" else adam
        still = not (problem.distance.random or o.group_weight or problem.client_loss)
        self.replay = Replay(graphs and still)

    def move(self, state: State, live: list[int]) -> tuple[Terms, list[bool], float]:
        z, optimiser, k = state["z"], state["optimiser"], state["iteration"]
        rate = SCHEDULES[self.o.step_decay](self.o.learning_rate, k, self.o.iterations)
        whole = len(live) == len(z)
        here = torch.tensor(live, device=z.device)
        point = z if whole else z[here]
        parts = optimiser if whole else {name: part[here] for name, part in optimiser.items()}
        rates = torch.tensor(self.optimiser.rates(k, rate), dtype=z.dtype).to(z.device)
        drift = [state["drift"][t] for t in live] if state.get("drift") else None
        terms = self.replay.run(partial(self._step, drift=drift), point, parts, rates)
        self.problem.events += self.replay.take_events()
        if self.o.noise:
            self._shake(state, point, live, rate)
        if not whole:
            z[here] = point
            for name, part in parts.items():
                optimiser[name][here] = part
        if self.o.filter == "median" and k % 500 == 0 and self.problem.space.identity:
            x, _ = self.problem.split(z)
            x.copy_(median_filter(x.view(-1, *self.problem.shape)).view_as(x))
        return terms, [False] * len(live), rate

    def _step(
        self, z: Tensor, parts: dict[str, Tensor], rates: Tensor, drift: list[list[Tensor]] | None = None
    ) -> Terms:
        """One step of fixed shape, everything in place: what a CUDA graph captures."""
        gradient, terms = self.problem.evaluate(z, drift)
        if self.o.signed:
            gradient[:, : self.problem.space.size].sign_()
        self.optimiser.apply(z, gradient, parts, rates)
        if self.boxed:
            self.problem.box(z)
        return terms

    def _shake(self, state: State, z: Tensor, live: list[int], rate: float) -> None:
        """Normal noise of a share of the step size, drawn anew for each trial and iteration."""
        point, _ = self.problem.split(z)
        for row, trial in enumerate(live):
            draws = generator(state["seed"], trial, 2**30 + state["iteration"])
            point[row].add_(torch.randn(point.shape[1], generator=draws).to(point), alpha=self.o.noise * rate)
