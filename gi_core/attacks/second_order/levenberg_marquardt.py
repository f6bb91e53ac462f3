"""Krylov Levenberg-Marquardt on the gradient-matching problem: precise where DLG fails.

(J J^T + lambda I) step = -J r with r = (g(x) - g*) / |g*|. One Lanczos factorisation serves every
damping, so lambda is found by a line search of gradient evaluations. For one picture and a last
dense layer with bias, dL/dlogits is read from the update (observed delta): no label, no softmax,
and no loss of precision on confidently classified samples. Pixels are clamped only at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.adaptive import noise
from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.attacks.adaptive.knowledge import delta_is_true
from gi_core.attacks.base import State, Step
from gi_core.attacks.observation import belief_of, observe, refuse_too_large
from gi_core.attacks.priors import Pixels, SmoothPrior
from gi_core.attacks.second_order.residuals import BelievedResidual, Residual
from gi_core.attacks.trials import start
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.settings.attacks import LevenbergMarquardt
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

FLOOR = 1e-6
"""Relative residual at which float32 rounding of the update itself takes over."""
SAME = 0.05
"""Two starts that end at residuals this close have met the update's own error."""


class KrylovLM:
    """The machine (see `attacks.base.Attack`). Starts follow one another, only as needed."""

    def __init__(
        self,
        settings: LevenbergMarquardt,
        update: Update,
        knowledge: Knowledge,
        plan: Plan,
        device: torch.device,
    ):
        self.settings, self.update, self.knowledge, self.device = settings, update, knowledge, device
        self.shape = (update.images, *knowledge.input_shape)
        pixels = int(torch.Size(self.shape).numel())
        refuse_too_large("the Krylov basis", 2 * min(settings.krylov, pixels) * pixels, torch.float64, device)
        seen = observe(update, knowledge, self._strategy(), torch.float64, device)
        self.scale, self.labels, self.target = 1.0 / seen.size, seen.labels, seen.target
        self.only = None if len(seen.sent) == len(seen.gradients) else seen.sent
        self.names = [list(update.tensors)[i] for i in seen.sent]
        self.targets = [seen.gradients[i] * self.scale for i in seen.sent]
        self.seen_as, self.sigma, self.fading, self.tolerance = Residual(self.targets), 0.0, False, settings.tolerance
        self.gradient = GradientMap(knowledge, seen.loss, plan, torch.float64, device)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64, device=device))
        self.prior = SmoothPrior(settings.total_variation, settings.tikhonov)
        belief = belief_of(update, knowledge, seen, self.scale)
        if belief is not None:
            self._adapt(belief, seen.sent)

    def _strategy(self) -> str:
        """The label strategy asked for, but for an observed delta that defenses are known to have changed."""
        asked = self.settings.labels
        return asked if asked != "observed_delta" or delta_is_true(self.update, self.knowledge) else "auto"

    def _adapt(self, belief: Belief, sent: list[int]) -> None:
        """What a known defense changes: which residuals count, and how much the noise leaves to the prior."""
        belief = belief.of(sent)
        self.sigma, trust = belief.noise()
        self.fading = belief.boxed and not self.sigma
        if belief.boxed or belief.rescaled or trust is not None:
            self.seen_as = BelievedResidual(self.targets, belief, trust)
        if self.sigma:
            s = self.settings
            self.prior = noise.map_prior(self.sigma, self.knowledge.std, s.total_variation, s.tikhonov)
            self.tolerance = max(s.tolerance, noise.allowed(self.sigma, sum(t.numel() for t in self.targets)))

    def _draw(self, seed: int, attempt: int) -> Tensor:
        on_cpu = Pixels(self.knowledge.mean, self.knowledge.std, torch.zeros(()))
        x = start(self.settings.start, self.shape, generator(seed, attempt), on_cpu)
        return x.to(self.device, torch.float64)

    def init(self, seed: int) -> State:
        return {"seed": seed, "iteration": 0, "ended": [], "ended_residual": [], **self._begin(seed, 0)}

    def init_at(self, x: Tensor, seed: int) -> State:
        """The state before the first iteration from a given picture (N, C, H, W), normalised."""
        x = x.to(self.device, torch.float64)
        return {"seed": seed, "iteration": 0, "ended": [], "ended_residual": [], **self._from(x)}

    def _begin(self, seed: int, attempt: int) -> State:
        return self._from(self._draw(seed, attempt))

    def _from(self, x: Tensor) -> State:
        """What belongs to one start."""
        origin = noise.grey(x, self.knowledge.mean, self.knowledge.std) if self.sigma else x.clone()
        return {
            "x": x, "origin": origin, "damping": 0.0, "largest": 0.0, "bad": 0, "fallen": False, "inner": 0,
            "residual": float("inf"), "open": True,
        }  # fmt: skip

    def _evaluate(self, x: Tensor, origin: Tensor) -> tuple[float, float]:
        """(objective, |r|^2) at x; the objective is |r|^2 / 2 plus the priors."""
        values = [g.detach()[0] * self.scale for g in self.gradient(x[None], self.target[None], self.only)]
        squared = self.seen_as.at(values).squared
        return 0.5 * squared + self.prior.value(x, origin), squared

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
                self._restart(state)
        if not done and state["iteration"] >= self.settings.iterations * (self.settings.trials + self._restarts):
            done, note = True, "all iterations done"
        return state, self._report(state, done, note, events)

    @property
    def _restarts(self) -> int:
        return self.settings.restarts or 0

    def _advance(self, state: State) -> bool:
        """One outer step in place; True when this start has come to its end."""
        x, origin = state["x"], state["origin"]
        local = JacobianProducts(self.gradient, x, self.target, self.scale, self.only)
        residual = self.seen_as.at(local.value)
        squared = residual.squared
        if self.fading and squared < float("inf"):
            s = self.settings
            self.prior = noise.fading_prior(squared, x.numel(), s.total_variation, s.tikhonov)
        objective = 0.5 * squared + self.prior.value(x, origin)
        if not objective < float("inf"):
            state["residual"] = float("inf")
            return True
        state["residual"] = squared
        diffusion = self.prior.operator(x)
        rhs = -local.j(residual.slope) - self.prior.gradient(x, origin).reshape(-1)
        if float(rhs.norm()) == 0.0:
            return True

        def product(v: Tensor) -> Tensor:
            return residual.normal(local, v) + diffusion(v)

        def shift(top: float) -> float:
            return (state["damping"] or 1e-2 * top) / 4

        solver = ShiftedSolver(product, rhs, self.settings.krylov, shift)
        if not state["largest"]:
            state["largest"], state["damping"] = solver.largest, 1e-2 * solver.largest
        best = self._search(state, solver, objective)
        if best is None:
            state["damping"] *= 4.0**6
            state["bad"] += 2
        else:
            value, squared, damping, moved = best
            fell = (objective - value) / objective
            state["x"], state["residual"] = moved, squared
            state["damping"] = max(damping, 1e-14 * state["largest"])
            state["fallen"] = True
            state["bad"] += int(fell < 1e-3)
            if squared < FLOOR**2 and fell < 0.5:
                return True
        return (
            state["bad"] >= 5
            or state["residual"] < 1e-26
            or state["damping"] > 1e8 * state["largest"]
            or state["inner"] >= self.settings.iterations
        )

    def _search(
        self, state: State, solver: ShiftedSolver, objective: float
    ) -> tuple[float, float, float, Tensor] | None:
        """Damping by line search: smaller while it helps, larger while it does not."""
        x, origin, best = state["x"], state["origin"], None

        def attempt(damping: float) -> bool:
            nonlocal best
            moved = x + solver.solve(damping).view_as(x)
            value, squared = self._evaluate(moved, origin)
            if value < (best[0] if best else objective):
                best = (value, squared, damping, moved)
                return True
            return False

        damping = state["damping"]
        if attempt(damping):
            for _ in range(4):
                damping /= 4
                if not attempt(damping):
                    break
        else:
            for _ in range(4 if state["fallen"] else 8):
                damping *= 4
                if attempt(damping):
                    break
        return best

    def _judge(self, state: State) -> tuple[bool, str]:
        """A start has ended: is the answer certified, hopeless, or is another start worth it?"""
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

    def _restart(self, state: State) -> None:
        state.update(self._begin(state["seed"], len(state["ended"])))

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
        found = self.gradient(state["x"][None], self.target[None], self.only)
        values = [g.detach()[0] * self.scale for g in found]
        pairs = zip(self.names, self.seen_as.at(values).parts, self.targets, strict=True)
        return {name: float(r.norm() / (t.norm() or 1.0)) for name, r, t in pairs}

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        images, residuals = self._starts(state)
        return self.pixels.decode(images[int(residuals.argmin())]), self.labels
