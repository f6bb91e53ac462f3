"""What a server that knows the defenses believes of the values before them: low_i <= c g_i <= high_i, up to noise (0, s_i^2).

From the value q sent, the defenses undone last to first. Not kept: (-inf, inf), and after magnitude pruning (-tau, tau)
with tau the least that was kept. One bit: (0, inf) or (-inf, 0). Anything else: (q, q), and s^2 is the sum of the noise's
variance and w^2 / 12 of a rounding to cells of width w (Widrow's noise model). A cell as a box of its own, in which any
value is as good as another, recovered pictures 1 to 4 dB worse than its middle: least squares average over many values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gi_core.federated.types import Knowledge, Update

if TYPE_CHECKING:
    from gi_core.attacks.observation import Observation

INFINITY = float("inf")
CLIPPED = 1 - 1e-5
"""Of the bound: an update that is shorter was not clipped."""
MOST_TRUST, FIRST_ORDER_TRUST = 30.0, 5.0
"""A value's noise is taken for no smaller than mean noise over this: rounding of the update itself is never far, and a
first-order search does not converge on weights that differ by more (half precision: 24 to 37 dB, for 33 to 35 at 5).
"""

WRONG_SIGN = 0.02
"""Of a tensor's mean size: how far off a value of one bit is where its sign disagrees. Measured: at 0.3 the prior wins, and
what comes back is grey.
"""

CONCENTRATED = 6.0
"""A perturbation of all values along the one direction that moves the picture most counts as so many times its mean size:
measured, the prior then gives back most of what it took from 0.1 to 10 % of the gradient's norm.
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
        """Whether every value of that tensor is as it was, but for c."""
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
        """In units `factor` > 0 times as large, of the type and on the device of `like`."""
        low, high, spread = ([t.to(like) * factor for t in side] for side in (self.low, self.high, self.spread))
        return Belief(low, high, spread, self.rescaled)

    def of(self, index: list[int]) -> Belief:
        """About the tensors `index` alone."""
        return Belief(*([side[i] for i in index] for side in (self.low, self.high, self.spread)), self.rescaled)

    def flat(self) -> tuple[Tensor, Tensor]:
        """(low, high), (P,) each."""
        return torch.cat([t.reshape(-1) for t in self.low]), torch.cat([t.reshape(-1) for t in self.high])

    def missing(self) -> float:
        """Values of which nothing, or little, is known, over the others."""
        boxed = sum(int((a != b).sum()) for a, b in zip(self.low, self.high, strict=True))
        return boxed / max(1, sum(t.numel() for t in self.low) - boxed)

    def noise(self, most: float = MOST_TRUST) -> tuple[float, Tensor | None]:
        """(sigma, w): root mean square of the spread, and w_i = sigma^2 / s_i^2 (P,), None where all are alike.

        Values that are in boxes count too: what was not kept has no residual, whatever its weight.
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
    spread = [torch.zeros_like(t) for t in values]
    for known in reversed(knowledge.defenses):
        _unround(known, list(update.tensors), values, low, high, spread, unit)
        noisy = any(bool(s.any()) for s in spread)
        _uncover(known, list(update.tensors), low, high, legible=not noisy)
        sigma = unit * _deviation(known, update)
        if sigma:
            spread = [(s.square() + sigma**2).sqrt() for s in spread]
        rescaled = rescaled or _clipped(known, update.norm() / unit, not noisy and len(knowledge.defenses) == 1)
    return Belief(low, high, spread, rescaled)


def belief_of(update: Update, knowledge: Knowledge, seen: Observation, scale: float = 1.0) -> Belief | None:
    """The belief about `seen.gradients` times `scale`; None where the defenses leave nothing to believe but the update.

    An observed delta has the factor of the update, which cancels.
    """
    if not knowledge.defenses:
        return None
    belief = believe(update, knowledge)
    if seen.unit != 1.0:
        belief = replace(belief, rescaled=False)
    return None if belief.plain else belief.scaled(seen.unit * scale, seen.gradients[0])


def _deviation(known: dict[str, Any], update: Update) -> float:
    """Of the noise on each value, in the units of what was sent."""
    if known["kind"] == "protective_direction":
        values = sum(t.numel() for t in update.tensors.values())
        return CONCENTRATED * float(known["strength"]) * update.norm() / values**0.5
    return float(known.get("sigma", 0.0))


def _unround(
    known: dict[str, Any], names: list[str], values: list[Tensor], low: list[Tensor], high: list[Tensor],
    spread: list[Tensor], unit: float,
) -> None:  # fmt: skip
    """A rounding, in place: `steps` of each tensor, `relative_step` of each value, or two `levels`."""
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        if known.get("levels") == 2:
            low[i] = torch.where(value > 0, 0.0, torch.where(value < 0, -INFINITY, low[i]))
            high[i] = torch.where(value < 0, 0.0, torch.where(value > 0, INFINITY, high[i]))
            spread[i] = (spread[i].square() + (value * WRONG_SIGN).square()).sqrt()
            continue
        if "relative_step" in known:  # eps times the power of two below the value
            grid = torch.finfo(getattr(torch, known["format"]))
            width = torch.exp2(torch.floor(torch.log2(value.abs() / unit))) * (known["relative_step"] * unit)
            width = width.clamp_min(grid.smallest_normal * grid.eps * unit)
        elif "steps" in known:
            width = torch.full_like(value, float(known["steps"][name]) * unit)
        else:
            return
        spread[i] = (spread[i].square() + width.square() / 12).sqrt()


def _uncover(known: dict[str, Any], names: list[str], low: list[Tensor], high: list[Tensor], legible: bool) -> None:
    """What was not kept, in place. legible: whether the least value that was kept can be read off."""
    mask = {
        name: kept.to(low[i].device)
        for i, name in enumerate(names)
        if (kept := (known.get("mask") or {}).get(name)) is not None
    }
    sizes = {n: torch.maximum(low[i].abs(), high[i].abs()) for i, n in enumerate(names) if n in mask}
    least = {n: float(sizes[n][kept].min()) for n, kept in mask.items() if kept.any()}
    for i, name in enumerate(names):
        if name in mask:
            bounded = legible and known["kind"] == "pruning" and least
            tau = least.get(name, min(least.values())) if bounded else INFINITY
            low[i], high[i] = torch.where(mask[name], low[i], -tau), torch.where(mask[name], high[i], tau)


def _clipped(known: dict[str, Any], norm: float, visible: bool) -> bool:
    """Whether the update may have been scaled down; visible: whether its norm is still the one that clipping left."""
    if "clip" not in known:
        return False
    return not visible or bool(known.get("per_picture")) or norm >= CLIPPED * float(known["clip"])
