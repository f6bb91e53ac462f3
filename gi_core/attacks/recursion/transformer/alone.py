"""One picture: the directions that the gradient mixes, then its patches, then what smoothness adds."""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport, State
from gi_core.attacks.recursion.transformer import attention, costs, smoothing, solving, verdict
from gi_core.attacks.recursion.transformer.given import Given


class Alone:
    """See `given.Way`."""

    def __init__(self, given: Given):
        self.given, self.placing = given, not given.placed_by_positions
        self.steps = costs.alone(given.shape, given.settings, self.placing).steps

    def begin(self, seed: int) -> State:
        """Nothing is drawn: the answer is that of an equation."""
        return {"patches": None, "free": None}

    def operations(self) -> float:
        return costs.alone(self.given.shape, self.given.settings, self.placing).operations

    def step(self, state: State) -> LayerReport | None:
        if state["iteration"] == 1:
            return self._mixed(state)
        if state["iteration"] == 2:
            return self._placed(state) if self.placing else self._solved(state)
        free, told, tiles = state["free"], state["told"], self.given.tiles
        lift = smoothing.Lift(lambda z: free @ z, lambda p: free.T @ p)
        inside = smoothing.Inside(lift, state["precision"][:, None], told, tiles.picture, tiles.back)
        state["patches"] = inside.round(
            state["patches"], (state["iteration"] - 3) / max(1, self.given.settings.rounds - 1)
        )
        return None

    def over(self, state: State) -> bool:
        if state["iteration"] < 2:
            return False
        return not state["free"].shape[1] or state["iteration"] >= 2 + self.given.settings.rounds

    def pictures(self, state: State) -> Tensor | None:
        return None if state["patches"] is None else self.given.tiles.picture(state["patches"])[None]

    def note(self, state: State) -> str:
        return verdict.of_one(state["facts"], self.given.tokens, self.placing)

    def _mixed(self, state: State) -> LayerReport:
        """The rank of the patches' gradient: at most one for each patch of a picture."""
        singular = torch.linalg.svdvals(self.given.gradient)
        most = min(self.given.tokens.count, len(singular))
        rank = attention.rank_of(singular, most)
        state["facts"]["rank"] = rank
        shown = (singular / singular[0]).clamp_min(1e-12).log10()
        return LayerReport(
            name=self.given.tokens.patches, route="gradient", unknowns=rank, rank=rank, deficiency=0,
            condition=float(singular[0] / singular[max(rank, 1) - 1]), residual=0.0, error=0.0, preview=shown.float(),
            note=f"its gradient has rank {rank}; that of one picture has {most} at most",
        )  # fmt: skip

    def _solved(self, state: State) -> LayerReport:
        """The patches, from the positions' gradient."""
        t, given = self.given.tokens, self.given
        found = solving.solve(given.positions, given.gradient, given.tiles.grey, given.tiles.unit, given.eps)
        state["patches"], state["free"] = found.patches, found.free
        state["precision"], state["told"] = found.precision, found.told
        open_, values = found.free.shape[1], given.gradient.shape[1]
        state["facts"] |= {"open": open_, "error": found.error, "misfit": found.misfit}
        told = found.singular[: max(t.count - open_, 1)]
        return LayerReport(
            name=t.positions, route="gradient" if not open_ else "under-determined", unknowns=t.count * values,
            rank=(t.count - open_) * values, deficiency=open_ * values, condition=float(told[0] / told[-1]),
            residual=found.misfit, error=found.error, preview=given.tiles.picture(found.patches).float(),
            note=f"{open_} directions of {t.count} are open" if open_ else "",
        )  # fmt: skip

    def _placed(self, state: State) -> LayerReport:
        """The patches, from the first attention's gradients."""
        t, given = self.given.tokens, self.given
        reading = [part for n in t.reading for part in given.update.tensors[n].detach().cpu().double().split(t.width)]
        found = attention.place(
            attention.beyond_tokens(reading, t.count + t.prefix), attention.patch_space(given.gradient, t.count),
            given.kernel, given.offset, given.norms, given.eps,
        )  # fmt: skip
        state["patches"], state["free"] = found.patches, torch.zeros(t.count, 0, dtype=torch.float64)
        short = found.unknowns - found.rank
        state["facts"] |= {"open": short, "error": None, "misfit": found.misfit}
        return LayerReport(
            name=t.norms[-1], route="gradient" if not short else "under-determined", unknowns=t.count * found.unknowns,
            rank=t.count * found.rank, deficiency=t.count * short, condition=found.condition, residual=found.misfit,
            error=found.misfit, preview=given.tiles.picture(found.patches).float(), note="placed by the first attention",
        )  # fmt: skip
