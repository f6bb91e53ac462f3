"""R-GAP where a layer is short of rank: completed from the layer before it, then matched if that was not enough.

In order: virtual constraints solved in the layer's null space; total variation in the null space of the image
layer; else the recursion's picture starts gradient matching under total variation.
"""

from __future__ import annotations

from gi_core.attacks.recursion import completion
from gi_core.attacks.recursion.matched import Matched
from gi_core.attacks.recursion.tracks import Track
from gi_core.attacks.recursion.walk import Descent, Front, Passable
from gi_core.settings import closed_form_attacks


class RGapHybrid(Matched):
    """The machine (see `attacks.base.Attack`)."""

    settings: closed_form_attacks.RGapHybrid

    def descend(self, block: Passable, front: Front, track: Track) -> Descent:
        found = self.walk.descend(block, front)
        at = self.blocks.index(block)
        if not found.solution.deficiency:
            return found
        if at == 0:
            return completion.smoothest(found, self.knowledge.std, self.settings.total_variation_rounds)
        return completion.through_the_layer_before(self.walk, found, self.blocks[at - 1])
