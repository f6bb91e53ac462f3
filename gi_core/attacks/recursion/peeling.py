"""Peeling: the recursion through ReLU too, by the masks that recovered activations show.

A unit is inactive where its recovered value is rounding. A ReLU gives no negative values, so those that come out show how
large rounding is. Where that threshold does not fit the layer below, others are tried.
"""

from __future__ import annotations

from gi_core.attacks.base import State
from gi_core.attacks.recursion import completion, tracks
from gi_core.attacks.recursion.matched import Matched
from gi_core.attacks.recursion.tracks import Track
from gi_core.attacks.recursion.walk import Descent, Front, Passable
from gi_core.numerics.convolution_maps import Array
from gi_core.settings import closed_form_attacks

OTHERS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
FITS = 1e-4


class Peeling(Matched):
    """The machine (see `attacks.base.Attack`)."""

    settings: closed_form_attacks.Peeling

    def descend(self, block: Passable, front: Front, track: Track) -> Descent:
        found = self._masked(block, front)
        if found.solution.deficiency and block is self.blocks[0]:
            return completion.smoothest(found, self.knowledge.std, self.settings.total_variation_rounds)
        return found

    def worth_matching(self, state: State) -> bool:
        """Unless smoothness chose the picture: matching takes away the rounding of activations."""
        return not tracks.source(state["candidates"])["chosen"]

    def _masked(self, block: Passable, front: Front) -> Descent:
        """Pass a block, with the threshold that its equations agree with best."""
        if block.reading != "mask":
            return self.walk.descend(block, front)
        given = self.settings.mask_tolerance
        found = self.walk.descend(block, front, given if given is not None else rounding(front.value))
        if given is not None or found.solution.residual < FITS:
            return found
        others = [self.walk.descend(block, front, tolerance) for tolerance in OTHERS]
        return min((found, *others), key=lambda d: d.solution.residual)


def rounding(value: Array) -> float:
    """Twice the largest negative value of what a ReLU gave, as a share of the largest positive one; 1e-7 at least."""
    return max(1e-7, -2 * float(value.min()) / max(float(value.max()), 1e-300))
