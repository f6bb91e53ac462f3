"""What the attacker can tell of an answer without the private picture: how much of the update it explains, and how smooth it is.

    r = min_a |a g - g*| / |g*|,    score = max(r, f) + SMOOTH f TV

g is what a client as described would send of the answer, in the update's own units; f is the relative error that the update has by
itself: its rounding, known noise, or the noise that its last layer shows. Of answers that fit to within f the smoother is more
likely; an exact update has f near 1e-6, so that the misfit alone decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gi_core.attacks import explaining
from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.attacks.base import Refused
from gi_core.attacks.priors import Pixels
from gi_core.numerics.generators import generator
from gi_core.types.updates import Knowledge, Update

SMOOTH = 0.15
"""Weight of total variation in units of the update's own error."""
PROBE, PROBES = 0.05, 2
"""Root mean square in pixels of the change by which an answer is tried, and how often."""


@dataclass(frozen=True)
class Found:
    """residual: r; None where it cannot be worked out, as of a long round. score: lower is better. tensors: r of each by name."""

    residual: float | None
    score: float
    tensors: dict[str, float]


class Evidence:
    """The one measure by which all answers to an update are compared. noise: relative, as read from the update. cleared: whether
    its zeros count as not sent.
    """

    def __init__(self, update: Update, knowledge: Knowledge, noise: float, cleared: bool = False):
        self.update, self.knowledge, self.cleared = update, knowledge, cleared
        precision, self.tolerance = explaining.floor(update, knowledge)
        self.floor = max(precision if math.isfinite(precision) else 1.0, noise)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))

    def of(self, images: Tensor, labels: Tensor) -> Found:
        """images (N, C, H, W) in pixels, clamped here as whoever shows them does; labels (N,)."""
        shown = images.detach().cpu().double()
        if not bool(torch.isfinite(shown).all()):
            return Found(None, math.inf, {})
        shown = shown.clamp(0, 1)
        both = self._beside(shown, labels)
        if both is None:
            return Found(None, math.inf, {})
        own, belief = both
        r, factor = explaining.compared(own, belief)
        if not math.isfinite(r):
            return Found(None, math.inf, {})
        rough = float((shown.diff(dim=-1).abs().mean() + shown.diff(dim=-2).abs().mean()).nan_to_num())
        names = [name for name in self.update.tensors if name not in self.update.withheld]
        apart = {}
        for name, g, low in zip(names, own, belief.low, strict=True):
            seen = torch.isfinite(low)
            left = (factor * g[seen.to(g.device)].cpu() - low[seen].cpu()).double().norm()
            apart[name] = float(left) / (float(low[seen].double().norm()) or 1.0)
        return Found(r, max(r, self.floor) + SMOOTH * self.floor * rough, apart)

    def _beside(self, shown: Tensor, labels: Tensor) -> tuple[list[Tensor], Belief] | None:
        """(what the client as described would send, the belief about what it sent); None where its round cannot be played."""
        try:
            both = explaining.beside(self.update, self.knowledge, shown, labels)
        except Refused:
            return None
        if both is None or not self.cleared:
            return both
        own, belief = both
        there = [(low != 0) | (high != 0) for low, high in zip(belief.low, belief.high, strict=True)]
        low, high = (
            [torch.where(kept, t, torch.full_like(t, bound)) for t, kept in zip(side, there, strict=True)]
            for side, bound in ((belief.low, -math.inf), (belief.high, math.inf))
        )
        return own, replace(belief, low=low, high=high)

    def slope(self, images: Tensor, labels: Tensor) -> float | None:
        """|g(x + d) - g(x)| / (|g*| PROBE) for d of a root mean square PROBE, smooth as pictures' errors are: how much a wrong pixel shows.

        The mean of `PROBES` draws, each blurred over 3 x 3 pixels. None where the round cannot be played.
        """
        shown = images.detach().cpu().double().clamp(0, 1)
        found = []
        for number in range(PROBES):
            draw = torch.randn(shown.shape, generator=generator(0, number), dtype=torch.float64)
            moved = torch.nn.functional.avg_pool2d(draw, 3, 1, 1, count_include_pad=False)
            moved = shown + PROBE * moved / moved.square().mean().sqrt()
            both = [self._beside(at, labels) for at in (shown, moved)]
            if both[0] is None or both[1] is None:
                return None
            (here, belief), (there, _) = both[0], both[1]
            change = sum(float((a - b).square().sum()) for a, b in zip(here, there, strict=True)) ** 0.5
            size = sum(float(low[torch.isfinite(low)].double().square().sum()) for low in belief.low) ** 0.5
            _, factor = explaining.compared(here, belief)
            found.append(abs(factor) * change / (size * PROBE))
        return sum(found) / len(found)

    def certain(self, residual: float | None) -> bool:
        """Whether nothing but the update's own error is left."""
        return residual is not None and residual <= self.tolerance < math.inf
