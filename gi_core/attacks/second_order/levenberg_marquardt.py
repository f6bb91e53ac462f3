"""Krylov Levenberg-Marquardt on the gradient-matching problem: precise where DLG fails.

r = (g(x) - g*) / |g*| is brought to zero by `damped_steps`. For one picture and a last dense layer with bias, dL/dlogits is
read from the update (observed delta): no label, no softmax, and no loss of precision on confidently classified samples.
Pixels are clamped only at the end. Updates of several rounds on the same pictures are matched together, r the stack of theirs.

A start that matches an update which is known but for its rounding is finished with each tensor over its own error,
r_t = (g_t(x) - g_t*) / s_t, s_t what single precision takes from it (`numerics.rounding`): small tensors are rounded as finely as large
ones, and under |g*| what they say is lost in the rounding of the others. The residual shown stays the first one.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from gi_core.attacks.adaptive import noise
from gi_core.attacks.adaptive.knowledge import delta_is_true
from gi_core.attacks.base import State, Step
from gi_core.attacks.observation import Observation, belief_of, observe, refuse_too_large
from gi_core.attacks.priors import Pixels, SmoothPrior
from gi_core.attacks.second_order.damped_steps import DampedSteps
from gi_core.attacks.second_order.matched import Matched, Together, plain_belief
from gi_core.attacks.second_order.residuals import BelievedResidual, Residual
from gi_core.attacks.trials import start
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.rounding import ROUNDED
from gi_core.settings.attacks import LevenbergMarquardt
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

SAME = 0.05
"""Two starts that end at residuals this close have met the update's own error."""

WORSE = 10.0
"""How many times its rounding the finish may leave of an update that was rounded only."""


class KrylovLM:
    """The machine (see `attacks.base.Attack`). Starts follow one another, only as needed."""

    def __init__(
        self, settings: LevenbergMarquardt, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device
    ):
        self.settings, self.update, self.knowledge, self.device = settings, update, knowledge, device
        self.shape = (update.images, *knowledge.input_shape)
        pixels = int(torch.Size(self.shape).numel())
        refuse_too_large("the Krylov basis", 2 * min(settings.krylov, pixels) * pixels, torch.float64, device)
        seen = observe(update, knowledge, self.strategy(), torch.float64, device)
        self.labels = seen.read()[1]
        self.names = [list(update.tensors)[i] for i in seen.sent]
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64, device=device))
        self.rounds = len(knowledge.earlier) + 1
        before = [self._matched(e.update, e.knowledge, plan) for e in knowledge.earlier]
        together = Together([*before, self._matched(update, knowledge, plan, seen)])
        self.targets, belief = together.wanted, together.belief()
        self.sigma, trust = (0.0, None) if belief is None else belief.noise()
        residual = Residual(self.targets)
        if belief is not None and (belief.boxed or belief.rescaled or trust is not None):
            residual = BelievedResidual(self.targets, belief, trust)
        prior, self.tolerance = self._prior()
        fading = belief is not None and belief.boxed and not self.sigma
        self.damped = DampedSteps(settings, together, residual, prior, fading)
        self.exact = type(residual) is Residual  # but for its rounding

    def _matched(self, update: Update, knowledge: Knowledge, plan: Plan, seen: Observation | None = None) -> Matched:
        """What is matched of one round: its gradients over their length, each round as much as the next."""
        seen = seen or observe(update, knowledge, self.strategy(update, knowledge), torch.float64, self.device)
        scale = 1.0 / (seen.size * self.rounds**0.5)
        only = None if len(seen.sent) == len(seen.gradients) else seen.sent
        gradient = GradientMap(knowledge, seen.loss, plan, torch.float64, self.device)
        single = partial(GradientMap, knowledge, seen.loss, plan, torch.float32, self.device)
        belief = belief_of(update, knowledge, seen, scale)
        belief = None if belief is None else belief.of(seen.sent)
        wanted = [seen.gradients[i] * scale for i in seen.sent]
        return Matched(gradient, seen.read()[0], only, scale, wanted, belief, single)

    def strategy(self, update: Update | None = None, knowledge: Knowledge | None = None) -> str:
        """The label strategy asked for; `auto` for an observed delta that defenses are known to have changed."""
        asked = self.settings.labels
        true = delta_is_true(update or self.update, knowledge or self.knowledge)
        return asked if asked != "observed_delta" or true else "auto"

    def _prior(self) -> tuple[SmoothPrior, float]:
        """The prior, and the residual |r|^2 that certifies a start: both larger for noise of known deviation."""
        s = self.settings
        if not self.sigma:
            return SmoothPrior(s.total_variation, s.tikhonov), s.tolerance
        explained = noise.allowed(self.sigma, sum(t.numel() for t in self.targets))
        prior = noise.map_prior(self.sigma, self.knowledge.std, s.total_variation, s.tikhonov)
        return prior, max(s.tolerance, explained)

    def _draw(self, seed: int, attempt: int) -> Tensor:
        on_cpu = Pixels(self.knowledge.mean, self.knowledge.std, torch.zeros(()))
        x = start(self.settings.start, self.shape, generator(seed, attempt), on_cpu)
        return x.to(self.device, torch.float64)

    def init(self, seed: int) -> State:
        return self.init_at(self._draw(seed, 0), seed)

    def init_at(self, x: Tensor, seed: int) -> State:
        """The state before the first iteration from a given picture (N, C, H, W), normalised."""
        x = x.to(self.device, torch.float64)
        return {"seed": seed, "iteration": 0, "ended": [], "ended_residual": [], **self._from(x)}

    def init_near(self, pictures: Tensor, seed: int) -> State:
        """The same from pictures (N, C, H, W) in pixel units."""
        return self.init_at(self.pixels.encode(pictures.to(self.device, torch.float64)), seed)

    def _from(self, x: Tensor) -> State:
        grey = noise.grey(x, self.knowledge.mean, self.knowledge.std) if self.sigma else x.clone()
        return {"finishing": False, "errors": None, "before": None, **self.damped.begin(x, grey)}

    def cost(self, state: State) -> float:
        """Gradients of the network that all steps so far were worth, one for each product with the Jacobian and its transpose."""
        return float(state.get("products", 0) + state["iteration"]) * self.rounds

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        state["inner"] += 1
        ended = self._advance(state)
        events: tuple[str, ...] = ()
        done, note = False, ""
        if ended:
            done, note = self._judge(state)
            if not done:
                events = (f"start {len(state['ended'])} ended at residual {state['residual']:.1e} and another begins",)
                state.update(self._from(self._draw(state["seed"], len(state["ended"]))))
        if not done and state["iteration"] >= self.settings.iterations * (self.settings.trials + self._restarts):
            done, note = True, "all iterations done"
        return state, self._report(state, done, note, events)

    def _advance(self, state: State) -> bool:
        """One outer step in place; True when this start has come to its end, the finish included."""
        if not state["finishing"]:
            ended = self.damped.advance(state)
            allowed = self.exact and len(self.targets) > 1 and state["inner"] < self.settings.iterations
            if not (ended and allowed and state["residual"] <= self.tolerance):
                return ended
            state |= {"finishing": True, "damping": 0.0, "largest": 0.0, "bad": 0, "before": state["x"].clone()}
            return False
        if state["errors"] is None:
            state["errors"] = self.damped.matched.spreads(state["x"])
        ended = _finish(self.damped, state["errors"]).advance(state)
        if ended and state["residual"] > (WORSE * ROUNDED) ** 2:
            state["x"] = state["before"]  # more than rounding is in the update, and then |g*| is the fairer measure
        state["residual"] = self.damped.squared(state["x"])
        return ended

    @property
    def _restarts(self) -> int:
        return self.settings.restarts or 0

    def _judge(self, state: State) -> tuple[bool, str]:
        """(whether the attack is over, why), after a start has ended."""
        state["ended"].append(state["x"].clone())
        state["ended_residual"].append(state["residual"])
        state["open"] = False
        residuals = sorted(state["ended_residual"])
        if len(residuals) < self.settings.trials:
            return False, ""
        if residuals[0] <= self.tolerance:
            return True, "the gradient is matched"
        if len(residuals) > 1 and residuals[1] < float("inf") and residuals[1] - residuals[0] < SAME * residuals[0]:
            return True, "two starts end at the same residual: the update itself is inexact"
        if len(residuals) >= self.settings.trials + self._restarts:
            return True, "no start matched the gradient"
        return False, ""

    def _starts(self, state: State) -> tuple[Tensor, Tensor]:
        """Pictures (T, N, C, H, W) and relative squared residuals (T,) of all starts so far."""
        images, residuals = list(state["ended"]), list(state["ended_residual"])
        if state["open"]:
            images.append(state["x"])
            residuals.append(state["residual"])
        return torch.stack(images), torch.tensor(residuals, dtype=torch.float64)

    def _report(self, state: State, done: bool, note: str, events: tuple[str, ...]) -> Step:
        images, residuals = self._starts(state)
        losses = {"gradient": residuals, "total": residuals}
        labels = self.labels.expand(len(images), -1)
        return Step(
            iteration=state["iteration"], losses=losses, images=self.pixels.decode(images), labels=labels,
            best=int(residuals.argmin()), score=residuals, rate=state["damping"], done=done, note=note, events=events,
        )  # fmt: skip

    def residual(self, state: State) -> dict[str, float]:
        own = len(self.names)  # of the last round, which comes last
        parts = zip(self.names, self.damped.rest(state["x"])[-own:], self.targets[-own:], strict=True)
        return {name: float(r.norm() / (t.norm() or 1.0)) for name, r, t in parts}

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        images, residuals = self._starts(state)
        return self.pixels.decode(images[int(residuals.argmin())]), self.labels


def _finish(damped: DampedSteps, errors: list[float]) -> DampedSteps:
    """The same search with each tensor over its own error, on the scale of one value. A tensor of zeros says nothing."""
    targets = damped.residual.targets
    unit = sum(t.numel() for t, s in zip(targets, errors, strict=True) if s)
    trust = [
        t.new_full((t.numel(),), ROUNDED**2 / (unit * s**2) if s else 0.0) for t, s in zip(targets, errors, strict=True)
    ]
    residual = BelievedResidual(targets, plain_belief(targets), torch.cat(trust))
    return DampedSteps(damped.settings, damped.matched, residual, damped.prior, False, floor=0.0)
