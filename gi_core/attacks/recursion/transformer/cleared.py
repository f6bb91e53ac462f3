"""One picture whose update had values cleared, by an attacker who knows the mask: fill them in, then solve."""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport, State
from gi_core.attacks.recursion.transformer import completing, costs, smoothing, solving, verdict
from gi_core.attacks.recursion.transformer.alone import Alone
from gi_core.attacks.recursion.transformer.completing import Cleared
from gi_core.attacks.recursion.transformer.given import Given


class Filled(Alone):
    """See `given.Way`."""

    def __init__(self, given: Given, cleared: Cleared):
        super().__init__(given)
        self.cleared = cleared
        self.cost = costs.filled(given.shape, given.settings, float(cleared.kept.double().mean()))
        self.steps = self.cost.steps

    def begin(self, seed: int) -> State:
        return {"patches": None, "stage": "counted", "seed": seed, "left": self.given.settings.rounds}

    def operations(self) -> float:
        return self.cost.operations

    def step(self, state: State) -> LayerReport | None:
        stages = {"counted": self._counted, "filling": self._filling, "solving": self._told}
        if state["stage"] in stages:
            return stages[state["stage"]](state)
        told, tiles = state["columns"], self.given.tiles
        lift = smoothing.Lift(
            lambda z: _spread_over(told["basis"], told["at"], z * told["open"], state["patches"]),
            lambda p: torch.einsum("jab,aj->jb", told["basis"], p[:, told["at"]]) * told["open"],
        )
        inside = smoothing.Inside(lift, told["precision"], told["aim"], tiles.picture, tiles.back)
        rounds = self.given.settings.rounds
        state["patches"] = inside.round(state["patches"], (rounds - state["left"]) / max(1, rounds - 1))
        state["left"] -= 1
        return None

    def over(self, state: State) -> bool:
        return state["stage"] == "smoothing" and (state["columns"] is None or not state["left"])

    def note(self, state: State) -> str:
        return verdict.of_filled(state["facts"], self.given.tokens)

    def _counted(self, state: State) -> LayerReport:
        """What was kept."""
        rows, columns = self.cleared.core()
        share = float(self.cleared.kept.double().mean())
        cleared = int((~self.cleared.kept).sum())
        state["facts"] |= {"rank": self.cleared.patches, "share": 1 - share}
        state["stage"] = "filling"
        shown = self.cleared.kept.double().mean(1)
        return LayerReport(
            name=self.given.tokens.patches, route="gradient", unknowns=cleared, rank=cleared, deficiency=0, condition=1.0,
            residual=0.0, error=0.0, preview=shown.float(),
            note=f"{1 - share:.0%} of its values and of the positions' were cleared; {int(rows.sum())} of {len(rows)} rows and"
            f" {int(columns.sum())} of {len(columns)} columns have enough left to tell the rest",
        )  # fmt: skip

    def _filling(self, state: State) -> LayerReport | None:
        inner = state.setdefault("filling", None) or completing.begin(self.cleared, state["seed"])
        done = completing.further(self.cleared, inner)
        state["filling"] = inner
        if not done:
            return None
        state["stage"] = "solving"
        best = inner["best"]
        misfit = best["misfit"]
        unknowns = len(best["u"]) * self.cleared.patches
        return LayerReport(
            name="cleared values", route="joint", unknowns=unknowns, rank=unknowns, deficiency=0, condition=1.0,
            residual=misfit, error=misfit, preview=(best["u"] @ best["v"].T).abs().log1p()[None].float(),
            note=f"filled in by the rank of {self.cleared.patches} that the kept ones have, to {misfit:.0e} of them in"
            f" {best['rounds']} rounds",
        )  # fmt: skip

    def _told(self, state: State) -> LayerReport:
        given, t = self.given, self.given.tokens
        found = completing.patches(self.cleared, state["filling"], given.tiles.grey, given.tiles.unit)
        state["patches"], state["stage"] = found.patches, "smoothing"
        vague = found.error > solving.KNOWN * given.tiles.unit
        at = vague.any(1).nonzero().flatten()
        state["columns"] = None
        if len(at):
            open_ = vague[at].double()
            basis, precision = found.basis[at], found.precision[at] * open_
            state["columns"] = {
                "at": at, "open": open_, "basis": basis, "precision": precision, "aim": found.said[at] * open_
            }  # fmt: skip
        missing, every = int(vague.sum()), found.error.numel()
        state["facts"] |= {
            "open": 0, "vague": missing / every, "misfit": found.misfit,
            "error": float((found.error / given.tiles.unit).square().mean()) ** 0.5,
            "filled": state["filling"]["best"]["misfit"] / self.cleared.rounding,
        }  # fmt: skip
        state["filling"] = None
        return LayerReport(
            name=t.positions, route="under-determined" if missing else "gradient", unknowns=every, rank=every - missing,
            deficiency=missing, condition=float(found.singular[0]) / max(float(found.singular[-1]), 1e-300), residual=found.misfit,
            error=state["facts"]["error"], preview=given.tiles.picture(found.patches).float(),
            note=f"{missing} of {every} values are told by smoothness" if missing else "",
        )  # fmt: skip


def of_one(given: Given) -> Alone:
    """The way to one picture."""
    return Alone(given) if given.cleared is None else Filled(given, given.cleared)


def _spread_over(basis: Tensor, at: Tensor, z: Tensor, like: Tensor) -> Tensor:
    """Patches (T, n) with the columns `at` made of z (k, T), zero elsewhere."""
    out = torch.zeros_like(like)
    out[:, at] = torch.einsum("jab,jb->aj", basis, z)
    return out
