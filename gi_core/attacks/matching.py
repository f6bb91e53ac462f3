"""Gradient matching: DLG, iDLG and Inverting Gradients are settings of this one machine.

Trials advance together. A trial that diverges or turns NaN starts again from a fresh draw, and one
that has no start left can never win.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks import bookkeeping, inception
from gi_core.attacks.base import State, Step
from gi_core.attacks.bookkeeping import Rules, best_trial
from gi_core.attacks.first_order import Adam, Nesterov, decayed
from gi_core.attacks.graphs import Replay
from gi_core.attacks.lbfgs import Lbfgs
from gi_core.attacks.observation import refuse_too_large
from gi_core.attacks.priors import median_filter
from gi_core.attacks.problem import MatchingProblem
from gi_core.federated.types import Knowledge, Update
from gi_core.spec.attacks import Dlg, InvertingGradients
from gi_core.spec.plan import Plan


class GradientMatching:
    """The machine (see `attacks.base.Attack`)."""

    def __init__(
        self, settings: Dlg | InvertingGradients, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device
    ):
        self.settings, self.inverting = settings, isinstance(settings, InvertingGradients)
        if self.inverting:
            options = {k: getattr(settings, k) for k in ("objective", "total_variation", "tensors", "weighting")}
        else:
            small = settings.small_gradients
            auto = "published" if settings.trials == 1 else "observed_delta"
            options = {"objective": "l2", "small_gradients": auto if small == "auto" else small}
        self.problem = MatchingProblem(
            update, knowledge, plan, device,
            labels=settings.labels, start=settings.start, precision=settings.precision, **options,
        )  # fmt: skip
        self.second_order = not self.inverting or settings.optimiser == "lbfgs"
        self.boxed = self.inverting and settings.boxed
        self.optimiser = self._optimiser()
        if self.second_order:
            problem = self.problem
            numbers = 2 * settings.trials * self.optimiser.history * problem.pixel_count
            refuse_too_large("the history of L-BFGS", numbers, problem.dtype, device)
        self.replay = Replay(plan.cuda_graph and not self.second_order and not self.problem.random)
        self.rules = self._rules()
        self.entropy = inception.load(device) if getattr(settings, "scoring", "") == "inception" else None

    def _optimiser(self) -> Lbfgs | Adam | Nesterov:
        s = self.settings
        if not self.inverting:
            return Lbfgs(s.learning_rate, s.inner, s.history)
        return {"lbfgs": Lbfgs, "adam": Adam, "sgd": Nesterov}[s.optimiser]()

    def _rules(self) -> Rules:
        s, square = self.settings, self.problem.size**2
        restarts = (0 if s.trials == 1 else 8) if s.restarts is None else s.restarts
        # Absolute, as published, for large gradients; relative for small ones, where it would mean nothing.
        stop = 0.0 if self.inverting else s.stop_loss * min(1.0, square)
        return Rules(stop, 1e-6 * square, self.second_order, restarts, restart_stalled=not self.inverting)

    def init(self, seed: int) -> State:
        trials = self.settings.trials
        z = torch.stack([self.problem.draw(seed, t, 0) for t in range(trials)])
        optimiser = self.optimiser.init(z)
        return {
            "seed": seed, "iteration": 0, "z": z, "optimiser": optimiser, "best": z.clone(),
            "trials": bookkeeping.fresh(trials), "terms": {},
        }  # fmt: skip

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        k, s, z, record = state["iteration"], self.settings, state["z"], state["trials"]
        live = [t for t, alive in enumerate(record["live"]) if alive]
        whole = len(live) == len(z)
        here = torch.arange(len(z), device=z.device) if whole else torch.tensor(live, device=z.device)
        self.problem.redraw(state["seed"], k)
        before = z.clone() if whole else z[here]
        rate, frozen = s.learning_rate, [False] * len(live)
        if self.second_order:
            terms, frozen = self._quasi_newton(state, here)
        else:
            rate = decayed(rate, k, s.iterations) if s.decay else rate
            terms = self._first_order(state, here, rate, whole)
        self._keep(state, live, before, terms)
        total = [state["terms"]["total"][t] for t in live]
        again, events = bookkeeping.retire(record, self.rules, live, k, total, self._farthest(z, here), frozen)
        for trial in again:
            self._restart(state, trial)
        events = [*self.problem.take_events(), *self.replay.take_events(), *events]
        note = self._finished(state)
        if note:
            self._close(state)
        return state, self._report(state, rate, note, tuple(events))

    def _quasi_newton(self, state: State, here: Tensor) -> tuple[dict[str, Tensor], list[bool]]:
        first: dict[str, Tensor] = {}

        def evaluate(z: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            gradient, terms = self.problem.evaluate(z)
            if not first:
                first.update(terms)
            return terms["total"], gradient

        _, frozen = self.optimiser.step(state["optimiser"], state["z"], here, evaluate)
        if self.boxed:
            state["z"][here] = self._box(state["z"][here])
        return first, frozen.tolist()

    def _first_order(self, state: State, here: Tensor, rate: float, whole: bool) -> dict[str, Tensor]:
        z, optimiser = state["z"], state["optimiser"]
        point = z if whole else z[here]
        parts = optimiser if whole else {k: v[here] for k, v in optimiser.items()}
        rates = torch.tensor(self.optimiser.rates(state["iteration"], rate), dtype=z.dtype).to(z.device)
        terms = self.replay.run(self._move, point, parts, rates)
        if not whole:
            z[here] = point
            for name, part in parts.items():
                optimiser[name][here] = part
        if self.settings.filter == "median" and state["iteration"] % 500 == 0:
            x, _ = self.problem.split(z)
            x.copy_(median_filter(x))
        return terms

    def _move(self, z: Tensor, parts: dict[str, Tensor], rates: Tensor) -> dict[str, Tensor]:
        """One step of fixed shape, everything in place: what a CUDA graph captures."""
        gradient, terms = self.problem.evaluate(z)
        if self.settings.signed:
            gradient[:, : self.problem.pixel_count].sign_()
        self.optimiser.apply(z, gradient, parts, rates)
        if self.boxed:
            self._box(z)
        return terms

    def _box(self, z: Tensor) -> Tensor:
        """Pixels kept in [0, 1], in place."""
        x, _ = self.problem.split(z)
        self.problem.pixels.clamp_(x)
        return z

    def _keep(self, state: State, live: list[int], before: Tensor, terms: dict[str, Tensor]) -> None:
        """Terms at the points before the move, and each trial's best point by them."""
        numbers = bookkeeping.rows(terms)
        for name, row in numbers.items():
            column = state["terms"].setdefault(name, [float("nan")] * len(state["z"]))
            for trial, value in zip(live, row, strict=True):
                column[trial] = value
        wants_tv = getattr(self.settings, "scoring", "loss") == "total_variation" and self.problem.tv
        score = numbers["total_variation" if wants_tv else "gradient"]
        better = bookkeeping.improved(state["trials"], live, score, latest=not self.second_order)
        if len(better) == len(state["z"]):
            state["best"] = before
        elif better:
            state["best"][[live[i] for i in better]] = before[better]

    def _farthest(self, z: Tensor, here: Tensor) -> list[float]:
        """Largest |pixel| of each live trial; boxed pixels cannot stray."""
        if self.boxed:
            return [0.0] * len(here)
        x, _ = self.problem.split(z[here])
        return self.problem.pixels.decode(x).flatten(1).abs().amax(1).tolist()

    def _restart(self, state: State, trial: int) -> None:
        z = self.problem.draw(state["seed"], trial, state["trials"]["attempt"][trial])
        for name, fresh in self.optimiser.init(z[None]).items():
            state["optimiser"][name][trial] = fresh[0]
        state["z"][trial] = z

    def _finished(self, state: State) -> str:
        """Why there is nothing more to do, or ""."""
        record = state["trials"]
        if any(record["solved"]) and not self.inverting:
            return "the gradient is matched"
        if not any(record["live"]):
            return "every trial has come to rest"
        return "all iterations done" if state["iteration"] >= self.settings.iterations else ""

    def _close(self, state: State) -> None:
        """Judge the last points too, then show each trial at its best."""
        _, terms = self.problem.evaluate(state["z"])
        self._keep(state, list(range(len(state["z"]))), state["z"].clone(), terms)
        state["z"].copy_(state["best"])
        if self.entropy is not None:
            x, _ = self.problem.split(state["best"])
            scores, record = self.entropy(self.problem.pixels.decode(x)).tolist(), state["trials"]
            record["score"] = [e if s < float("inf") else s for e, s in zip(scores, record["score"], strict=True)]

    def _report(self, state: State, rate: float, note: str, events: tuple[str, ...]) -> Step:
        x, _ = self.problem.split(state["z"])
        column = {k: torch.tensor(v, dtype=torch.float64) for k, v in state["terms"].items()}
        score = torch.tensor(state["trials"]["score"], dtype=torch.float64)
        return Step(
            iteration=state["iteration"], losses=column, images=self.problem.pixels.decode(x),
            labels=self.problem.recovered(state["z"]), best=best_trial(state["trials"]),
            score=score, rate=rate, done=bool(note), note=note, events=events,
        )  # fmt: skip

    def residual(self, state: State) -> dict[str, float]:
        return self.problem.residual(state["z"][best_trial(state["trials"])])

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """Best trial's best point; or, if asked, the pixelwise mean or median of all trials."""
        best = best_trial(state["trials"])
        x, _ = self.problem.split(state["best"])
        pixels, labels = self.problem.pixels.decode(x), self.problem.recovered(state["best"])[best]
        scoring = getattr(self.settings, "scoring", "loss")
        if scoring not in ("mean", "median"):
            return pixels[best], labels
        usable = pixels[[t for t, score in enumerate(state["trials"]["score"]) if score < float("inf")] or [best]]
        return usable.mean(0) if scoring == "mean" else usable.median(0).values, labels
