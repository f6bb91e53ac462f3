"""L-BFGS for many problems at once, each with its own history, step for step as torch's.

The direction d = -H g uses the compact form (Byrd, Nocedal & Schnabel 1994):
H = c I + [S  cY] [[R^-T (D + c Y'Y) R^-1, -R^-T], [-R^-1, 0]] [S  cY]',
with R the upper triangle of S'Y and D its diagonal, so a direction costs four products with the
history instead of a loop over it. Pairs live in a ring; only small matrices are put in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(points (T', D), trial indices (T',)) -> (values (T',), gradients (T', D))."""


@dataclass(frozen=True)
class Lbfgs:
    """lr: step length. inner: iterations of one step. history: pairs kept. No line search."""

    lr: float = 1.0
    inner: int = 20
    history: int = 100
    gradient_tolerance: float = 1e-7
    change_tolerance: float = 1e-9

    def init(self, z: Tensor) -> dict[str, Tensor]:
        """What is remembered about points z (T, D)."""
        count, size = z.shape
        m = self.history
        double = torch.float64
        return {
            "s": z.new_zeros(count, m, size),
            "y": z.new_zeros(count, m, size),
            "sy": torch.zeros(count, m, m, dtype=double, device=z.device),
            "yy": torch.zeros(count, m, m, dtype=double, device=z.device),
            "pushed": torch.zeros(count, dtype=torch.int64, device=z.device),
            "scale": torch.ones(count, dtype=z.dtype, device=z.device),
            "d": torch.zeros_like(z),
            "t": torch.zeros(count, dtype=z.dtype, device=z.device),
            "previous": torch.zeros_like(z),
            "iterations": torch.zeros(count, dtype=torch.int64, device=z.device),
        }

    def step(self, state: dict[str, Tensor], z: Tensor, live: Tensor, evaluate: Evaluate) -> tuple[Tensor, Tensor]:
        """At most `inner` iterations of the trials `live` (indices) of the points z (T, D), moved in place.

        Returns the values at the start of the step (T',) and whether a trial made no move (T',).
        """
        value, gradient = evaluate(z[live], live)
        first_value, here = value, live
        still = gradient.abs().amax(1) <= self.gradient_tolerance
        moved = ~still
        position = torch.arange(len(live), device=z.device)
        evaluations = 1
        for iteration in range(1, self.inner + 1):
            keep = ~still
            if not keep.any():
                break
            here, position = here[keep], position[keep]
            value, gradient = value[keep], gradient[keep]
            d, t = self._direction(state, here, gradient)
            slope = (gradient * d).sum(1)
            state["previous"][here] = gradient
            state["d"][here], state["t"][here] = d, t
            stuck = slope > -self.change_tolerance
            if iteration == 1:
                moved[position] &= ~stuck
            if stuck.any():
                going = ~stuck
                here, position, d, t = here[going], position[going], d[going], t[going]
                value, gradient = value[going], gradient[going]
                if not len(here):
                    break
            move = d * t[:, None]
            z[here] += move
            if iteration == self.inner:
                break
            before = value
            value, gradient = evaluate(z[here], here)
            evaluations += 1
            still = (
                (gradient.abs().amax(1) <= self.gradient_tolerance)
                | (move.abs().amax(1) <= self.change_tolerance)
                | ((value - before).abs() < self.change_tolerance)
                | ~torch.isfinite(value)
            )
            if evaluations >= self.inner * 5 // 4:
                break
        return first_value, ~moved

    def _direction(self, state: dict[str, Tensor], here: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Descent direction and step length, after taking in the last move."""
        first = state["iterations"][here] == 0
        state["iterations"][here] += 1
        if not first.all():
            self._push(state, here[~first], gradient[~first])
        d = torch.empty_like(gradient)
        pushed = state["pushed"][here]
        top = int(pushed.max())
        d = -gradient * state["scale"][here][:, None]
        if top:
            d = d - self._correction(state, here, gradient, min(top, self.history))
        t = torch.full_like(state["t"][here], self.lr)
        size = gradient.abs().sum(1)
        return d, torch.where(first, torch.clamp(1 / size, max=1.0) * self.lr, t)

    def _push(self, state: dict[str, Tensor], here: Tensor, gradient: Tensor) -> None:
        """Store the pair (s, y) of the last move where s'y > 1e-10."""
        y = gradient - state["previous"][here]
        s = state["d"][here] * state["t"][here][:, None]
        ys = (y * s).sum(1)
        good = ys > 1e-10
        if not good.any():
            return
        here, y, s, ys = here[good], y[good], s[good], ys[good]
        slot = state["pushed"][here] % self.history
        state["s"][here, slot], state["y"][here, slot] = s, y
        used = min(int(state["pushed"].max()) + 1, self.history)
        S, Y = state["s"][here, :used], state["y"][here, :used]
        state["sy"][here, :used, slot] = torch.einsum("tmd,td->tm", S, y).double()
        state["sy"][here, slot, :used] = torch.einsum("tmd,td->tm", Y, s).double()
        yy = torch.einsum("tmd,td->tm", Y, y).double()
        state["yy"][here, :used, slot] = yy
        state["yy"][here, slot, :used] = yy
        state["pushed"][here] += 1
        state["scale"][here] = ys / (y * y).sum(1)

    def _correction(self, state: dict[str, Tensor], here: Tensor, g: Tensor, used: int) -> Tensor:
        """(H - cI) g over the first `used` slots of the ring, small algebra in float64."""
        pushed = state["pushed"][here]
        ages = torch.arange(used, device=g.device)
        full = pushed > self.history
        # Slot of the k-th oldest pair: the ring starts at `pushed mod history` once it is full.
        order = torch.where(full[:, None], (pushed[:, None] + ages) % self.history, ages.expand(len(here), -1))
        filled = ages < torch.clamp(pushed, max=self.history)[:, None]
        both = filled[:, :, None] & filled[:, None, :]
        rows = torch.arange(len(here), device=g.device)[:, None, None]
        sy = state["sy"][here][:, :used, :used][rows, order[:, :, None], order[:, None, :]] * both
        yy = state["yy"][here][:, :used, :used][rows, order[:, :, None], order[:, None, :]] * both
        S, Y = state["s"][here, :used], state["y"][here, :used]
        c = state["scale"][here].double()[:, None, None]
        sg = torch.einsum("tmd,td->tm", S, g).double().gather(1, order)[..., None] * filled[..., None]
        yg = torch.einsum("tmd,td->tm", Y, g).double().gather(1, order)[..., None] * filled[..., None]
        diagonal = sy.diagonal(dim1=1, dim2=2)
        R = sy.triu() + torch.diag_embed((~filled).double())
        u = torch.linalg.solve_triangular(R, sg, upper=True)
        inner = diagonal[..., None] * u + c * (yy @ u) - c * yg
        a = torch.linalg.solve_triangular(R.transpose(1, 2), inner, upper=False)
        zero = torch.zeros(len(here), used, dtype=torch.float64, device=g.device)
        to_slots = lambda v: zero.scatter(1, order, (v * filled[..., None])[..., 0]).to(g.dtype)  # noqa: E731
        return torch.einsum("tm,tmd->td", to_slots(a), S) - torch.einsum("tm,tmd->td", to_slots(c * u), Y)
