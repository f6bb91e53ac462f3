"""Gradient matching: DLG, iDLG, Inverting Gradients, FL gradient inversion and GradInversion are settings of this machine.

Trials advance together. In DLG's search the next one begins when the distances before it no longer fall. A trial that
diverges or turns NaN starts again from a fresh draw; without a start left it can never win. A single trial goes on as
published.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.base import State, Step
from gi_core.attacks.batch_norm.revealed import by_batch
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.matching import bookkeeping, inception
from gi_core.attacks.matching.bookkeeping import Rules, best_trial
from gi_core.attacks.matching.moves import FirstOrder, QuasiNewton
from gi_core.attacks.matching.problem import MatchingProblem
from gi_core.attacks.matching.spaces import PixelSpace
from gi_core.settings.attacks import Dlg, Matching
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

DECODER = (
    "{} batch norms of this network take the batch's own statistics, so the weights of an untrained decoder are searched"
    " in place of pixels"
)


class GradientMatching:
    """The machine (see `attacks.base.Attack`). update: as it left the client."""

    simulates = True
    """Any round can be matched: its local steps are part of the problem."""

    def __init__(self, settings: Matching, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device):
        norms = by_batch(knowledge)
        self.settings, self.o = settings, settings.settled(norms)
        plain = as_mean_gradient(update, knowledge.schedule, knowledge.model)
        problem = self.problem = MatchingProblem(update, plain, knowledge, self.o, plan, device)
        if settings.parametrisation == "auto" and self.o.parametrisation == "deep_image_prior":
            problem.events.append(DECODER.format(norms))
        second_order = self.o.second_order
        self.moves = QuasiNewton(problem, self.o) if second_order else FirstOrder(problem, self.o, plan.cuda_graph)
        self.rules = self._rules()
        self.entropy = inception.load(device) if self.o.scoring == "inception" else None

    def _rules(self) -> Rules:
        o, square = self.o, self.problem.seen.size**2
        restarts = (0 if o.trials == 1 or o.group_weight else 8) if o.restarts is None else o.restarts
        # Absolute, as published, for large gradients; relative for small ones, where it would mean nothing.
        stop = o.stop_loss * min(1.0, square) if isinstance(o, Dlg) else 0.0
        return Rules(stop, 1e-6 * square, o.second_order, restarts, o.searching, persistent=restarts == 0)

    def init(self, seed: int) -> State:
        trials = self.settings.trials
        z = torch.stack([self.problem.draw(seed, t, 0) for t in range(trials)])
        return {
            "seed": seed, "iteration": 0, "z": z, "optimiser": self.moves.optimiser.init(z), "best": z.clone(),
            "trials": bookkeeping.fresh(trials, 1 if self.o.searching else trials), "terms": {},
            "drift": self.problem.client_loss.init(trials) if self.problem.client_loss else [],
        }  # fmt: skip

    def init_near(self, pictures: Tensor, seed: int) -> State:
        """The same, with the first trial at pictures (N, C, H, W) in pixel units; where pixels are not searched, as `init`."""
        state, space = self.init(seed), self.problem.space
        if isinstance(space, PixelSpace):
            state["z"][0, : space.size] = space.at(pictures.repeat(self.problem.copies, 1, 1, 1)).to(state["z"])
            state["best"] = state["z"].clone()
        return state

    def misfit(self, terms: dict[str, Tensor]) -> Tensor:
        """(T,): what the update contradicts, without what a prior says: the weighted distances of gradient and statistics."""
        total = self.problem.weight * terms["gradient"]
        return total + self.o.batch_norm_weight * terms["batch_norm"] if "batch_norm" in terms else total

    def misfit_of(self, pictures: Tensor, seed: int) -> float:
        """The misfit of pictures (N, C, H, W)."""
        return float(self.misfit(self.problem.evaluate(self.init_near(pictures, seed)["z"][:1])[1])[0])

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        k, z, record = state["iteration"], state["z"], state["trials"]
        live = [t for t, alive in enumerate(record["live"]) if alive]
        here = torch.tensor(live, device=z.device)
        self.problem.distance.redraw(state["seed"], k)
        before = z[here]
        terms, frozen, rate = self.moves.move(state, live)
        self._keep(state, live, before, terms)
        total = [state["terms"]["total"][t] for t in live]
        again, events = bookkeeping.retire(record, self.rules, live, k, total, self._farthest(z, here), frozen)
        events += bookkeeping.begin_next(record, live, k, total)
        for trial in again:
            self._restart(state, trial)
        events = [*self.problem.take_events(), *events]
        note = self._finished(state)
        if note:
            self._close(state)
        return state, self._report(state, rate, note, tuple(events))

    def _keep(self, state: State, live: list[int], before: Tensor, terms: dict[str, Tensor]) -> None:
        """Terms at the points before the move, and each trial's best point by them."""
        numbers = bookkeeping.rows(terms)
        for name, row in numbers.items():
            column = state["terms"].setdefault(name, [float("nan")] * len(state["z"]))
            for trial, value in zip(live, row, strict=True):
                column[trial] = value
        wants_tv = self.o.scoring == "total_variation" and self.problem.smoothing.weight
        score = numbers["total_variation" if wants_tv else self.o.judged_by]
        better = bookkeeping.improved(state["trials"], live, score, latest=not self.o.second_order)
        if len(better) == len(state["z"]):
            state["best"] = before
        elif better:
            state["best"][[live[i] for i in better]] = before[better]

    def _farthest(self, z: Tensor, here: Tensor) -> list[float]:
        """Largest |pixel| of each live trial; boxed pixels cannot stray."""
        if self.moves.boxed or not self.problem.space.pixelwise:
            return [0.0] * len(here)
        return self.problem.pictures(z[here]).flatten(1).abs().amax(1).tolist()

    def _restart(self, state: State, trial: int) -> None:
        z = self.problem.draw(state["seed"], trial, state["trials"]["attempt"][trial])
        for name, fresh in self.moves.optimiser.init(z[None]).items():
            state["optimiser"][name][trial] = fresh[0]
        state["z"][trial] = z

    def _finished(self, state: State) -> str:
        """Why there is nothing more to do, or ""."""
        record = state["trials"]
        if any(record["solved"]) and self.o.searching:
            return "the gradient is matched"
        if not any(record["live"]):  # then none waits either
            return "every trial has come to rest"
        return "all iterations done" if state["iteration"] >= self.o.iterations else ""

    def _close(self, state: State) -> None:
        """Judge the last points too, then show each trial at its best."""
        begun = bookkeeping.begun(state["trials"])
        _, terms = self.problem.evaluate(state["z"][:begun])
        self._keep(state, list(range(begun)), state["z"][:begun].clone(), terms)
        state["z"].copy_(state["best"])
        if self.entropy is not None:
            scores, record = self.entropy(self.problem.pictures(state["best"])).tolist(), state["trials"]
            record["score"] = [e if s < float("inf") else s for e, s in zip(scores, record["score"], strict=True)]

    def _report(self, state: State, rate: float, note: str, events: tuple[str, ...]) -> Step:
        column = {k: torch.tensor(v, dtype=torch.float64) for k, v in state["terms"].items()}
        score = torch.tensor(state["trials"]["score"], dtype=torch.float64)
        return Step(
            iteration=state["iteration"], losses=column, images=self.problem.pictures(state["z"]),
            labels=self.problem.recovered(state["z"]), best=best_trial(state["trials"]),
            score=score, rate=rate, done=bool(note), note=note, events=events, begun=bookkeeping.begun(state["trials"]),
        )  # fmt: skip

    def residual(self, state: State) -> dict[str, float]:
        return self.problem.residual(state["z"][best_trial(state["trials"])])

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """Best trial's best point; or, if asked, the pixelwise mean or median of all trials."""
        best = best_trial(state["trials"])
        pixels, labels = self.problem.pictures(state["best"]), self.problem.recovered(state["best"])[best]
        scoring = self.o.scoring
        if scoring not in ("mean", "median"):
            return pixels[best], labels
        usable = pixels[[t for t, score in enumerate(state["trials"]["score"]) if score < float("inf")] or [best]]
        return usable.mean(0) if scoring == "mean" else usable.median(0).values, labels
