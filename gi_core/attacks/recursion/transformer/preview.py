"""More pictures than can be told apart: one picture, the smoothest of those that the positions' gradient allows for each.

It lies near the mean of the batch, and is no reconstruction.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport, State
from gi_core.attacks.recursion.transformer import attention, costs, smoothing, verdict
from gi_core.attacks.recursion.transformer.coset import coset
from gi_core.attacks.recursion.transformer.given import Given


class Preview:
    """See `given.Way`. why: the sentence that says why there is no more."""

    def __init__(self, given: Given, why: str):
        self.given, self.why = given, why
        self.steps = costs.preview(given.shape, given.settings, given.pictures).steps

    def begin(self, seed: int) -> State:
        """Nothing is drawn."""
        return {"patches": None, "free": None}

    def operations(self) -> float:
        return costs.preview(self.given.shape, self.given.settings, self.given.pictures).operations

    def step(self, state: State) -> LayerReport | None:
        if state["iteration"] == 1:
            return self._allowed(state)
        free = state["free"]
        if not len(free):  # the positions' gradient allows one picture alone, which has nothing to smooth
            return None
        tiles = self.given.tiles
        nothing = free.new_zeros(self.given.tokens.count, len(free))
        lift = smoothing.Lift(lambda z: z @ free, lambda p: p @ free.T)
        inside = smoothing.Inside(lift, nothing[:, :1], nothing, tiles.picture, tiles.back)
        share = (state["iteration"] - 2) / max(1, self.given.settings.rounds - 1)
        state["patches"] = inside.round(state["patches"], share)
        return None

    def over(self, state: State) -> bool:
        return state["iteration"] >= 1 + self.given.settings.rounds

    def pictures(self, state: State) -> Tensor | None:
        if state["patches"] is None:
            return None
        picture = self.given.tiles.picture(state["patches"])
        return picture.expand(self.given.pictures, *picture.shape)

    def note(self, state: State) -> str:
        return verdict.of_preview(self.given.pictures, self.why)

    def _allowed(self, state: State) -> LayerReport:
        """The flat set in which every picture's patches lie."""
        given, t = self.given, self.given.tokens
        singular = torch.linalg.svdvals(given.gradient)
        rank = max(attention.rank_of(singular, given.pictures * t.count), t.count)
        found = coset(given.gradient, given.positions, rank)
        state["patches"], state["free"] = found.shared, found.free
        state["facts"] |= {"rank": rank, "misfit": found.misfit}
        values, open_ = given.gradient.shape[1], t.count * len(found.free)
        return LayerReport(
            name=t.positions, route="under-determined", unknowns=t.count * values, rank=t.count * values - open_,
            deficiency=open_, condition=float(singular[0] / singular[rank - 1]), residual=found.misfit, error=1.0,
            preview=given.tiles.picture(found.shared).float(),
            note=f"rank {rank}: each patch is known up to {len(found.free)} directions, the same for every picture",
        )  # fmt: skip
