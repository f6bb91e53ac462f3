"""What a server that knows the defenses believes of the values before them: low_i <= c g_i <= high_i, up to noise (0, s_i^2).

The bounds follow from the value q that was sent, with the defenses undone from last to first; weights sent in 16 bits count as
rounded. A value that was not kept has the bounds (-inf, inf), after magnitude pruning (-tau, tau) with tau the least that was
kept. One bit gives (0, inf) or (-inf, 0). Any other value has (q, q), and s^2 is the sum of the noise's variance and
w^2 / 12 of a rounding to cells of width w (Widrow's noise model). A cell as a box of its own, in which any
value is as good as another, recovered pictures 1 to 4 dB worse than its middle: least squares average over many values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.adaptive.undoing import clipped, deviation, uncover, unround
from gi_core.types.updates import Knowledge, Update

MOST_TRUST, FIRST_ORDER_TRUST = 30.0, 5.0
"""A value's noise is taken for no smaller than mean noise over this: rounding of the update itself is never far, and a
first-order search does not converge on weights that differ by more (half precision: 24 to 37 dB, for 33 to 35 at 5).
"""


@dataclass(frozen=True)
class Belief:
    """low, high, spread: one tensor per parameter, shaped as it, in the update's units; spread is the noise's deviation.
    rescaled: whether all values were multiplied by one unknown factor c in (0, 1].
    """

    low: list[Tensor]
    high: list[Tensor]
    spread: list[Tensor]
    rescaled: bool = False

    def exact(self, index: int) -> bool:
        """Whether every value of that tensor is known up to the factor c."""
        return not bool(self.spread[index].any()) and bool((self.low[index] == self.high[index]).all())

    @property
    def boxed(self) -> bool:
        """Whether any value is only known to lie between two others."""
        return not all(bool((a == b).all()) for a, b in zip(self.low, self.high, strict=True))

    @property
    def plain(self) -> bool:
        """Whether knowing the defenses says no more than the update itself."""
        return not (self.rescaled or self.boxed or any(bool(s.any()) for s in self.spread))

    def scaled(self, factor: float, like: Tensor) -> Belief:
        """The belief in units `factor` > 0 times as large, of the type and on the device of `like`."""
        low, high, spread = ([t.to(like) * factor for t in side] for side in (self.low, self.high, self.spread))
        return Belief(low, high, spread, self.rescaled)

    def of(self, index: list[int]) -> Belief:
        """The belief about the tensors `index` alone."""
        low, high, spread = ([side[i] for i in index] for side in (self.low, self.high, self.spread))
        return Belief(low, high, spread, self.rescaled)

    def flat(self) -> tuple[Tensor, Tensor]:
        """(low, high), (P,) each."""
        return torch.cat([t.reshape(-1) for t in self.low]), torch.cat([t.reshape(-1) for t in self.high])

    def missing(self) -> float:
        """The number of values that are only known to lie between bounds, over the number of the others."""
        boxed = sum(int((a != b).sum()) for a, b in zip(self.low, self.high, strict=True))
        return boxed / max(1, sum(t.numel() for t in self.low) - boxed)

    def noise(self, most: float = MOST_TRUST) -> tuple[float, Tensor | None]:
        """(sigma, w): root mean square of the spread, and w_i = sigma^2 / s_i^2 (P,), None where all are alike.

        Values in boxes count too: one that was not kept has no residual, whatever its weight.
        """
        spread = torch.cat([t.reshape(-1) for t in self.spread])
        sigma = float(spread.double().square().mean().sqrt())
        if not sigma or float(spread.max() - spread.min()) <= 1e-6 * sigma:
            return sigma, None
        return sigma, (sigma / spread.clamp_min(sigma / most)).square()


def believe(update: Update, knowledge: Knowledge) -> Belief:
    """The belief about `update`, in a gradient's units, from `knowledge.defenses`, whose units are those of what was sent."""
    unit = abs(knowledge.schedule.scale) if update.kind == "weight_change" and knowledge.schedule else 1.0
    values, rescaled = list(update.tensors.values()), False
    low, high = [t.detach().clone() for t in values], [t.detach().clone() for t in values]
    spread = [_rounded(update, name, unit) for name in update.tensors]
    for known in reversed(knowledge.defenses):
        unround(known, list(update.tensors), values, low, high, spread, unit)
        uncover(known, list(update.tensors), low, high, legible=not any(bool(s.any()) for s in spread))
        sigma = unit * deviation(known, update)
        if sigma:
            spread = [(s.square() + sigma**2).sqrt() for s in spread]
        rescaled = rescaled or clipped(known, update, spread, knowledge, unit)
    return Belief(low, high, spread, rescaled)


def uncovered(update: Update, knowledge: Knowledge) -> bool:
    """Whether no defense is known and nothing was rounded: the update is exact, to its own precision."""
    return not knowledge.defenses and update.rounding is None


def _rounded(update: Update, name: str, unit: float) -> Tensor:
    """Standard deviation of a tensor's rounding, where whole weights were sent in 16 bits; else zeros."""
    width = (update.rounding or {}).get(name)
    zeros = torch.zeros_like(update.tensors[name])
    return zeros if width is None else width.to(zeros) * (unit / 12**0.5)
