"""Gradient matching: DLG, iDLG and Inverting Gradients are settings of this one machine.

Trials advance together. A trial that diverges or turns NaN starts again from a fresh draw, and one
that has no start left can never win.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.base import State, Step
from gi_core.attacks.first_order import Adam, Nesterov, decayed
from gi_core.attacks.graphs import Replay
from gi_core.attacks.lbfgs import Lbfgs
from gi_core.attacks.priors import median_filter
from gi_core.attacks.problem import MatchingProblem
from gi_core.federated.types import Knowledge, Update
from gi_core.spec.attacks import Dlg, InvertingGradients
from gi_core.spec.plan import Plan

FAR = 1e3
"""A pixel this far outside [0, 1] means that the trial has diverged."""
PATIENCE, PROGRESS = 25, 1e-3
"""L-BFGS steps without this relative progress end a trial."""


class GradientMatching:
    """The machine (see `attacks.base.Attack`)."""

    def __init__(
        self,
        settings: Dlg | InvertingGradients,
        update: Update,
        knowledge: Knowledge,
        plan: Plan,
        device: torch.device,
    ):
        inverting = isinstance(settings, InvertingGradients)
        if inverting:
            extra = {k: getattr(settings, k) for k in ("total_variation", "tensors", "weighting")}
        else:
            small = settings.small_gradients
            extra = {
                "small_gradients": ("published" if settings.trials == 1 else "observed_delta")
                if small == "auto"
                else small
            }
        self.problem = MatchingProblem(
            update, knowledge, plan, device, objective=settings.objective if inverting else "l2",
            labels=settings.labels, start=settings.start, precision=settings.precision, **extra,
        )  # fmt: skip
        self.settings, self.inverting = settings, inverting
        self.second_order = not inverting or settings.optimiser == "lbfgs"
        if self.second_order:
            self.optimiser = Lbfgs() if inverting else Lbfgs(settings.learning_rate, settings.inner, settings.history)
        else:
            self.optimiser = Adam() if settings.optimiser == "adam" else Nesterov()
        self.replay = Replay(plan.cuda_graph and not self.second_order and not self.problem.random)
        allowed = settings.restarts
        self.restarts = (0 if settings.trials == 1 else 8) if allowed is None else allowed
        # Absolute, as published, for large gradients; relative for small ones, where it would mean nothing.
        self.stop = 0.0 if inverting else settings.stop_loss * min(1.0, self.problem.size**2)

    def init(self, seed: int) -> State:
        trials = self.settings.trials
        z = torch.stack([self.problem.draw(seed, t, 0) for t in range(trials)])
        infinite = torch.full((trials,), float("inf"), dtype=torch.float64)
        optimiser = self.optimiser.init(z)
        return {
            "seed": seed, "iteration": 0, "z": optimiser.get("z", z), "optimiser": optimiser,
            "live": torch.ones(trials, dtype=torch.bool), "attempt": torch.zeros(trials, dtype=torch.int64),
            "best": z.clone(), "score": infinite.clone(), "mark": infinite.clone(),
            "mark_at": torch.zeros(trials, dtype=torch.int64), "terms": {}, "solved": torch.zeros(trials, dtype=torch.bool),
        }  # fmt: skip

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        k, s, z = state["iteration"], self.settings, state["z"]
        live = state["live"].nonzero()[:, 0]
        self.problem.redraw(state["seed"], k)
        here = live.to(z.device)
        before = z[here].clone()
        rate = s.learning_rate
        if self.second_order:
            terms, frozen = self._quasi_newton(state, here)
        else:
            rate = decayed(rate, k, s.iterations) if s.decay else rate
            terms, frozen = self._first_order(state, here, rate), torch.zeros(len(live), dtype=torch.bool)
        self._keep(state, live, here, before, terms)
        events = [*self.problem.events, *self.replay.take_events(), *self._retire(state, live, frozen)]
        self.problem.events.clear()
        done, note = self._finished(state)
        if done:
            self._close(state)
        return state, self._report(state, rate, done, note, tuple(events))

    def _quasi_newton(self, state: State, here: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        first: dict[str, Tensor] = {}

        def evaluate(z: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            gradient, terms = self.problem.evaluate(z)
            if not first:
                first.update(terms)
            return terms["total"], gradient

        _, frozen = self.optimiser.step(state["optimiser"], here, evaluate)
        if self.inverting and self.settings.boxed:
            self._box(state["z"], here)
        return first, frozen.cpu()

    def _first_order(self, state: State, here: Tensor, rate: float) -> dict[str, Tensor]:
        z, optimiser = state["z"], state["optimiser"]
        whole = len(here) == len(z)
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
        if self.settings.boxed:
            self._box(z, slice(None))
        return terms

    def _box(self, z: Tensor, here: Tensor | slice) -> None:
        pixels = z[here, : self.problem.pixel_count]
        z[here, : self.problem.pixel_count] = self.problem.pixels.clamp(pixels.view(-1, *self.problem.shape)).reshape(
            pixels.shape
        )

    def _keep(self, state: State, live: Tensor, here: Tensor, before: Tensor, terms: dict[str, Tensor]) -> None:
        """Terms at the points before the move, and each trial's best point by them."""
        count = len(state["live"])
        numbers = torch.stack([v.double() for v in terms.values()]).cpu()
        for name, row in zip(terms, numbers, strict=True):
            state["terms"].setdefault(name, torch.full((count,), float("nan"), dtype=torch.float64))[live] = row
        score = state["terms"][self._scored_by][live]
        better = torch.nan_to_num(score, nan=float("inf")) < state["score"][live]
        state["score"][live[better]] = score[better]
        chosen = better.to(here.device)
        state["best"][here[chosen]] = before[chosen]

    @property
    def _scored_by(self) -> str:
        wants_tv = getattr(self.settings, "scoring", "loss") == "total_variation" and self.problem.tv
        return "total_variation" if wants_tv else "gradient"

    def _retire(self, state: State, live: Tensor, frozen: Tensor) -> list[str]:
        """End or restart trials that are solved, lost or stalled."""
        events, k = [], state["iteration"]
        loss = state["terms"]["total"][live]
        far = self._distance(state["z"], live)
        if self.second_order:
            progress = loss < (1 - PROGRESS) * state["mark"][live]
            state["mark"][live[progress]], state["mark_at"][live[progress]] = loss[progress], k
        elif bool(torch.isfinite(loss).all()) and float(far.max()) < FAR:
            return events
        for i, trial in enumerate(live.tolist()):
            value = float(loss[i])
            lost = not (value < float("inf")) or not (float(far[i]) < FAR)
            solved = value < self.stop
            stalled = self.second_order and (bool(frozen[i]) or k - int(state["mark_at"][trial]) > PATIENCE)
            if not (lost or solved or stalled):
                continue
            near = value < 1e-6 * self.problem.size**2
            if solved or (stalled and near and not lost):
                state["solved"][trial], state["live"][trial] = True, False
            elif (lost or not self.inverting) and int(state["attempt"][trial]) < self.restarts:
                self._restart(state, trial)
                events.append(
                    f"trial {trial + 1} {'diverged' if lost else 'stalled'} at iteration {k} and starts again"
                )
            else:
                state["live"][trial] = False
                events.append(f"trial {trial + 1} {'diverged' if lost else 'came to rest'} at iteration {k}")
        return events

    def _distance(self, z: Tensor, live: Tensor) -> Tensor:
        """Largest |pixel| of each live trial (boxed pixels cannot stray)."""
        if getattr(self.settings, "boxed", False):
            return torch.zeros(len(live))
        x, _ = self.problem.split(z[live.to(z.device)])
        return self.problem.pixels.decode(x).flatten(1).abs().amax(1).cpu()

    def _restart(self, state: State, trial: int) -> None:
        state["attempt"][trial] += 1
        z = self.problem.draw(state["seed"], trial, int(state["attempt"][trial]))
        if self.second_order:
            self.optimiser.reset(state["optimiser"], trial, z)
        else:
            for name, fresh in self.optimiser.init(z).items():
                state["optimiser"][name][trial] = fresh
            state["z"][trial] = z
        state["mark"][trial], state["mark_at"][trial] = float("inf"), state["iteration"]

    def _finished(self, state: State) -> tuple[bool, str]:
        if state["solved"].any() and not self.inverting:
            return True, "the gradient is matched"
        if not state["live"].any():
            return True, "every trial has come to rest"
        if state["iteration"] >= self.settings.iterations:
            return True, "all iterations done"
        return False, ""

    def _close(self, state: State) -> None:
        """Judge the last points too, then show each trial at its best."""
        everyone = torch.arange(len(state["live"]))
        _, terms = self.problem.evaluate(state["z"])
        self._keep(state, everyone, everyone.to(state["z"].device), state["z"], terms)
        state["z"].copy_(state["best"])

    def _report(self, state: State, rate: float, done: bool, note: str, events: tuple[str, ...]) -> Step:
        x, _ = self.problem.split(state["z"])
        return Step(
            iteration=state["iteration"], losses={k: v.clone() for k, v in state["terms"].items()},
            images=self.problem.pixels.decode(x), labels=self.problem.recovered(state["z"]), best=int(state["score"].argmin()),
            score=state["score"].clone(), rate=rate, done=done, note=note, events=events,
        )  # fmt: skip

    def residual(self, state: State) -> dict[str, float]:
        return self.problem.residual(state["z"][int(state["score"].argmin())])

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """Best trial's best point; or, if asked, the pixelwise mean or median of all trials."""
        best = int(state["score"].argmin())
        x, _ = self.problem.split(state["best"])
        labels = self.problem.recovered(state["best"])[best]
        pixels = self.problem.pixels.decode(x)
        scoring = getattr(self.settings, "scoring", "loss")
        if scoring in ("mean", "median"):
            usable = pixels[torch.isfinite(state["score"]).to(pixels.device)]
            chosen = usable.mean(0) if scoring == "mean" else usable.median(0).values
            return chosen, labels
        return pixels[best], labels
