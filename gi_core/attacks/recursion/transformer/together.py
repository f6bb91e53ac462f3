"""Several pictures: the span of their tokens, which of its directions belong together, where each patch belongs, and proof.

See `mixture` for the equation, `commutant` for its null space, `separating` for the cut and `attention` for the places.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport, State
from gi_core.attacks.recursion.transformer import attention, commutant, costs, separating, verdict
from gi_core.attacks.recursion.transformer.commutant import Commutant
from gi_core.attacks.recursion.transformer.coset import Coset, coset
from gi_core.attacks.recursion.transformer.finishing import Finishing
from gi_core.attacks.recursion.transformer.given import Given, Replay
from gi_core.attacks.recursion.transformer.mixture import Mixture
from gi_core.attacks.recursion.transformer.projections import Projections
from gi_core.settings.attention_bounds import separating as equations_of

MOST = 60
"""Steps of the second engine at most."""


class Together:
    """See `given.Way`. whole: as in `reduced.Reduced`, to finish what was told apart; None where the network is too large for it."""

    def __init__(
        self, given: Given, projections: Projections, replay: Replay, whole: Callable[[Tensor], Tensor] | None = None
    ):
        self.given, self.projections, self.replay, self.whole = given, projections, replay, whole
        self.count = given.pictures * given.tokens.count
        self.dense = commutant.dense(self.count, equations_of(given.shape))
        self.cost = costs.together(given.shape, given.pictures, given.settings.search * (whole is not None))
        self.steps = self.cost.steps

    @cached_property
    def mixture(self) -> Mixture:
        return Mixture(self.projections, self.given.known, self.count)

    @cached_property
    def commutant(self) -> Commutant:
        return Commutant(self.mixture.equations())

    @cached_property
    def coset(self) -> Coset | None:
        """None where positions were not sent, or patches are more than their gradient can hold."""
        given = self.given
        if not given.placed_by_positions or self.count > min(given.gradient.shape):
            return None
        return coset(given.gradient, given.positions, self.count)

    @cached_property
    def finishing(self) -> Finishing | None:
        """None where nothing of it was asked, or positions allow every picture."""
        if not self.given.settings.search or self.whole is None or self.coset is None:
            return None
        return Finishing(self.given, self.coset, self.whole)

    def begin(self, seed: int) -> State:
        return {"seed": seed, "stage": "mixed", "engine": None, "found": None, "spans": None, "patches": None}

    def operations(self) -> float:
        return self.cost.operations

    def step(self, state: State) -> LayerReport | None:
        stages = {"mixed": self._mixed, "null": self._null, "cut": self._cut, "placed": self._placed}
        if state["stage"] in stages:
            return stages[state["stage"]](state)
        if state["stage"] == "finishing":
            self._finished(state)
        else:
            self._proved(state)
        return None

    def over(self, state: State) -> bool:
        return state["stage"] == "over"

    def pictures(self, state: State) -> Tensor | None:
        if state["patches"] is None:
            return None
        return torch.stack([self.given.tiles.picture(p) for p in state["patches"]])

    def note(self, state: State) -> str:
        return verdict.of_batch(state["facts"], self.given.pictures)

    def _mixed(self, state: State) -> LayerReport:
        """The rank of what reads the tokens: one for each patch of each picture."""
        singular, t = self.mixture.singular, self.given.tokens
        floor = attention.floor_of(singular, self.count)
        rank = int((singular > attention.CLEAR * floor).sum())
        state["facts"]["rank"] = rank
        state["stage"] = "null"
        shown = (singular / singular[0]).clamp_min(1e-17).log10()
        read = round(rank / t.count)
        return LayerReport(
            name=t.reading[0].removesuffix(".weight"), route="gradient" if rank >= self.count else "under-determined",
            unknowns=self.count, rank=min(rank, self.count), deficiency=max(0, self.count - rank),
            condition=float(singular[0] / singular[min(self.count, len(singular)) - 1]), residual=0.0, error=0.0,
            preview=shown.float(),
            note=f"rank {rank} above the noise at {floor / float(singular[0]):.0e}: this update mixes {read} picture"
            f"{'' if read == 1 else 's'} of {t.count} patches",
        )  # fmt: skip

    def _null(self, state: State) -> LayerReport | None:
        """X, of all that keep pictures apart."""
        b, m = self.given.pictures, self.count
        if self.dense:
            state["found"], sizes = commutant.null_space(self.commutant, b, state["seed"])
            null, following = float(sizes[b - 1]), float(sizes[b])
            gap, words = (
                null / following,
                f"its singular values are {null:.0e} and less, the next one is {following:.0e}",
            )
        else:
            earlier = [] if state["found"] is None else list(state["found"])
            engine = state["engine"] or commutant.started(self.commutant, state["seed"] + len(earlier))
            done = commutant.further(self.commutant, engine)
            state["engine"] = engine
            if not done and engine["iterations"] < MOST * commutant.ROUNDS * commutant.EACH:
                return None
            state["found"] = torch.stack([*earlier, commutant.projected(self.commutant, engine)])
            state["engine"] = None
            null, following = engine["seen"][-1], engine["seen"][0]
            gap, words = null / following, f"a random matrix went from {following:.0e} to {null:.0e}"
        state["facts"]["gap"], state["stage"] = gap, "cut"
        clear = gap < separating.CLEAR_GAP
        return LayerReport(
            name="which tokens share a picture", route="joint" if clear else "under-determined", unknowns=m * m,
            rank=m * m - b if clear else m * m - b - 1, deficiency=0 if clear else 1, condition=1 / max(following, 1e-300),
            residual=null, error=gap, preview=state["found"][-1].abs().log1p()[None].float(),
            note=f"a null space of {b}: {words}",
        )  # fmt: skip

    def _cut(self, state: State) -> LayerReport:
        found = separating.separated(state["found"], self.given.pictures, self.given.tokens.count, state["seed"])
        clear = found.spread < separating.CLEAR_CUT
        again = not clear and not self.dense and len(state["found"]) < self.given.pictures - 1
        state["facts"]["spread"] = found.spread
        if again:  # another matrix of the null space, so that combinations can be tried
            state["stage"] = "null"
        else:
            state["spans"], state["found"], state["stage"] = found.spans, None, "placed"
        return LayerReport(
            name="pictures apart", route="joint" if clear else "under-determined", unknowns=self.count,
            rank=self.count if clear else 0, deficiency=0 if clear else self.count, condition=1.0, residual=0.0,
            error=found.spread, preview=found.values.float(),
            note=f"{self.given.pictures} eigenvalues, which spread by {found.spread:.0e} of their distance"
            + (": once more, with another matrix" if again else ""),
        )  # fmt: skip

    def _placed(self, state: State) -> LayerReport:
        given, t = self.given, self.given.tokens
        at = self.coset
        rows = at.rows if at is not None else attention.patch_space(given.gradient, self.count)
        placed = []
        for inside in state["spans"]:
            basis = self.mixture.tokens(inside)
            beyond = torch.linalg.svd(basis, full_matrices=True)[2][len(basis) :]
            placed.append(
                attention.place(
                    beyond,
                    rows,
                    given.kernel,
                    given.offset,
                    given.norms,
                    given.eps,
                    at.places if at is not None else None,
                )
            )
        state["patches"], state["spans"], state["stage"] = torch.stack([p.patches for p in placed]), None, "proved"
        worst = max(placed, key=lambda p: p.misfit)
        short = worst.unknowns - worst.rank
        state["facts"] |= {"open": short, "misfit": worst.misfit}
        each = t.count * given.pictures
        return LayerReport(
            name=t.norms[-1], route="gradient" if not short else "under-determined", unknowns=each * worst.unknowns,
            rank=each * worst.rank, deficiency=each * short, condition=worst.condition, residual=worst.misfit,
            error=worst.misfit, preview=torch.cat([given.tiles.picture(p) for p in state["patches"]], 2).float(),
            note="every patch finds its place by the layer norm" + (" and the positions" if at is not None else ""),
        )  # fmt: skip

    def _proved(self, state: State) -> None:
        self._replay(state)
        state["stage"] = "over"
        if self.finishing is not None and verdict.believed(state["facts"]) and self.finishing.begin(state):
            state["stage"] = "finishing"

    def _finished(self, state: State) -> None:
        assert self.finishing is not None
        if self.finishing.step(state):
            state["stage"], state["search"] = "over", None
        self._replay(state)

    def _replay(self, state: State) -> None:
        pictures = self.pictures(state)
        assert pictures is not None
        state["labels"], state["facts"]["replayed"] = self.replay(pictures)
