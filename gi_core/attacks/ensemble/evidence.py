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
from gi_core.types.updates import Knowledge, Update

SMOOTH = 0.15
"""Weight of total variation in units of the update's own error."""
ENOUGH, CHANCE, ALIKE = 8, 5.0, 0.2
"""Values of a tensor from which on its mean square of what is left is compared with that of all, and by how much the two may differ: so
many standard deviations of chance, and a share beside."""
LABELS = 16
"""Most other labels that are tried for an answer."""


@dataclass(frozen=True)
class Found:
    """residual: r; None where it cannot be worked out, as of a long round. score: lower is better. tensors: r of each by name. labels: (N,) of the
    answer, or others that fit better. even: whether what is left of each value is alike in all tensors, as noise is.
    """

    residual: float | None
    score: float
    tensors: dict[str, float]
    labels: Tensor
    even: bool = False


class Evidence:
    """The one measure by which all answers to an update are compared. noise: relative, as read from the update. cleared: whether
    its zeros count as not sent. own: the update's own error as it is expected, floor: as it is allowed for.
    """

    def __init__(self, update: Update, knowledge: Knowledge, noise: float, cleared: bool = False):
        self.update, self.knowledge, self.cleared = update, knowledge, cleared
        precision, self.tolerance = explaining.floor(update, knowledge)
        precision = precision if math.isfinite(precision) else 1.0
        self.floor, self.own = max(precision, noise), max(explaining.counted(precision), noise)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))

    def of(self, images: Tensor, labels: Tensor) -> Found:
        """images (N, C, H, W) in pixels, clamped here as whoever shows them does; labels (N,).

        A closed form may have the picture and not its label: where few are possible, each other label of each picture is tried.
        """
        found = self._as_labelled(images, labels)
        classes = max(2, self.knowledge.classes)
        few = len(labels) * (classes - 1) <= LABELS and self.knowledge.labels is None and self.knowledge.loss != "own"
        if self.certain(found.residual) or not few or found.score == math.inf and bool((labels >= 0).all()):
            return found
        labels = labels.clamp(min=0).clone()
        for n in range(len(labels)):
            for k in range(classes):
                other = labels.clone()
                other[n] = k
                tried = self._as_labelled(images, other)
                if tried.score < found.score:
                    found = tried
            labels = found.labels if found.residual is not None else labels
        return found

    def _as_labelled(self, images: Tensor, labels: Tensor) -> Found:
        shown = images.detach().cpu().double()
        if not bool(torch.isfinite(shown).all()):
            return Found(None, math.inf, {}, labels)
        shown = shown.clamp(0, 1)
        both = self._beside(shown, labels)
        if both is None:
            return Found(None, math.inf, {}, labels)
        own, belief = both
        r, factor = explaining.compared(own, belief)
        if not math.isfinite(r):
            return Found(None, math.inf, {}, labels)
        if factor <= 0:  # of two classes the wrong label gives the same gradient, the other way round
            r = 1.0
        rough = float((shown.diff(dim=-1).abs().mean() + shown.diff(dim=-2).abs().mean()).nan_to_num())
        names = [name for name in self.update.tensors if name not in self.update.withheld]
        apart, squares = {}, []
        for name, g, low in zip(names, own, belief.low, strict=True):
            seen = torch.isfinite(low)
            left = (factor * g[seen.to(g.device)].cpu() - low[seen].cpu()).double().norm()
            apart[name] = float(left) / (float(low[seen].double().norm()) or 1.0)
            squares.append((float(left) ** 2, int(seen.sum())))
        return Found(r, max(r, self.floor) + SMOOTH * self.floor * rough, apart, labels, _even(squares))

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

    def certain(self, residual: float | None) -> bool:
        """Whether nothing but the update's own error is left."""
        return residual is not None and residual <= self.tolerance < math.inf


def _even(squares: list[tuple[float, int]]) -> bool:
    """Whether sums of squares of so many values are those of one noise. A wrong picture leaves what goes with the size of each tensor's
    gradient, which differ by far more.
    """
    mean = sum(square for square, _ in squares) / max(1, sum(count for _, count in squares))
    counted = [(square / count / mean, count) for square, count in squares if count >= ENOUGH and mean > 0]
    return len(counted) > 1 and all(abs(ratio - 1) < CHANCE * math.sqrt(2 / count) + ALIKE for ratio, count in counted)
