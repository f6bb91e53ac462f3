"""The outer steps of Levenberg-Marquardt down from one start: min |r(x)|^2 / 2 + prior(x) over x (N, C, H, W).

(J B J^T + D + lambda I) step = -J r - prior'(x), B of the residual and D of the prior's curvature. One Lanczos factorisation
serves every damping lambda, so lambda is found by a line search of gradient evaluations.
"""

from __future__ import annotations

from torch import Tensor

from gi_core.attacks.adaptive import noise
from gi_core.attacks.base import State
from gi_core.attacks.priors import SmoothPrior
from gi_core.attacks.second_order.matched import Together
from gi_core.attacks.second_order.residuals import Residual
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.settings.attacks import LevenbergMarquardt

FLOOR = 1e-6
"""Relative residual at which float32 rounding of the update itself takes over."""


class DampedSteps:
    """matched: the gradients of all rounds. fading: whether the prior fades with |r|^2. floor: |r| from which a step that does not halve
    |r|^2 ends a start.
    """

    def __init__(
        self, settings: LevenbergMarquardt, matched: Together, residual: Residual, prior: SmoothPrior, fading: bool,
        floor: float = FLOOR,
    ):  # fmt: skip
        self.settings, self.matched, self.floor = settings, matched, floor
        self.residual, self.prior, self.fading = residual, prior, fading

    def begin(self, x: Tensor, origin: Tensor) -> State:
        """What belongs to one start at x; origin: the picture that the prior pulls towards."""
        return {
            "x": x, "origin": origin, "damping": 0.0, "largest": 0.0, "bad": 0, "fallen": False, "inner": 0,
            "residual": float("inf"), "open": True,
        }  # fmt: skip

    def rest(self, x: Tensor) -> list[Tensor]:
        """r at x, one tensor for each gradient that is matched."""
        return self.residual.at(self.matched.values(x)).parts

    def squared(self, x: Tensor) -> float:
        """|r|^2 at x."""
        return self.residual.at(self.matched.values(x)).squared

    def _evaluate(self, x: Tensor, origin: Tensor) -> tuple[float, float]:
        """(objective, |r|^2) at x."""
        squared = self.squared(x)
        return 0.5 * squared + self.prior.value(x, origin), squared

    def advance(self, state: State) -> bool:
        """One outer step in place; True when this start has come to its end."""
        x, origin = state["x"], state["origin"]
        local = self.matched.at(x)
        residual = self.residual.at(local.value)
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
        state["products"] = state.get("products", 0) + solver.products
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
            if squared < self.floor**2 and fell < 0.5:
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
        """(objective, |r|^2, damping, x) of the best step: smaller damping while it helps, larger while it does not."""
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
