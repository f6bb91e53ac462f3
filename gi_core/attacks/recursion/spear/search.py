"""The search for all directions of a batch: proposals by turns, the best basis so far, and when it is believed."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch

from gi_core.attacks.recursion.spear import engines
from gi_core.attacks.recursion.spear.directions import LEAST, LEAST_NOISY, Candidates, Sieve
from gi_core.attacks.recursion.spear.elimination import settled
from gi_core.attacks.recursion.spear.given import Given
from gi_core.attacks.recursion.spear.unmixing import Unmixed, unmix
from gi_core.settings import spear_bounds

CLEAN, ROUNDED = 0.9999, 0.995
"""Share of masks that agree from which a basis is taken for the true one: without noise, and with rounding or more."""
SHIFTED = 0.75
"""The same of several local steps, whose weights move under the masks; then the pictures must be pictures too."""
OUTSIDE, MARGIN, STEADY = 1e-4, 2e-3, 4
"""Share of pixels that may lie outside [0, 1], by more than the margin; turns for which nothing better may have been found."""


class Search:
    """What is searched of one update. `state` holds q, zeros and hits of the directions, and how many turns were taken."""

    def __init__(self, given: Given):
        self.given, self.reading = given, given.reading
        self.b = len(self.reading.s)
        settings = given.settings
        sampling = -(-settings.proposals // engines.CHUNK) if settings.engine != "irls" else 0
        weighing = -(-settings.starts // engines.STARTS) if settings.engine != "sampling" else 0
        first = self.b >= spear_bounds.REWEIGHTED_FROM
        self.order = (("irls", weighing), ("sampling", sampling))[:: 1 if first else -1]
        self.turns = sampling + weighing if self.b > 1 else 0

    @cached_property
    def sieves(self) -> list[Sieve]:
        return [
            Sieve(self.reading, least, self.given.slope) for least in (LEAST_NOISY if self.reading.noisy else LEAST)
        ]

    def begin(self) -> dict[str, Any]:
        alone = self.b == 1  # one column needs no search
        q = torch.ones(1, 1, dtype=torch.float64) if alone else torch.zeros(0, self.b, dtype=torch.float64)
        count = self.sieves[-1].zeros(q).sum(0)
        return {
            "q": q,
            "zeros": count,
            "hits": torch.ones_like(count),
            "turn": 0,
            "since": 0,
            "sampled": 0,
            "started": 0,
        }

    def go(self, found: dict[str, Any], seed: int) -> dict[str, Any]:
        """One turn of the engine whose turn it is."""
        turn = found["turn"]
        generator = torch.Generator().manual_seed(seed * 1_000_003 + turn)
        (engine, count), (other, _) = self.order
        engine, at = (engine, turn) if turn < count else (other, turn - count)
        sieve = self.sieves[at % len(self.sieves)]
        old = Candidates(found["q"], found["zeros"], found["hits"])
        if engine == "sampling":
            new = engines.sampled(sieve, engines.CHUNK, at // len(self.sieves), generator)
        else:
            new = engines.reweighted(sieve, engines.STARTS, old.q, generator)
        both = sieve.joined(old, new)
        since = found["since"] + 1
        if len(both.q) != len(old.q) or int(both.zeros.sum()) != int(old.zeros.sum()):
            both, since = settled(self.sieves[-1], both), 0
        tried = {"sampled": found["sampled"] + (engines.CHUNK if engine == "sampling" else 0)}
        tried["started"] = found["started"] + (engines.STARTS if engine == "irls" else 0)
        return {"q": both.q, "zeros": both.zeros, "hits": both.hits, "turn": turn + 1, "since": since, **tried}

    def unmixed(self, found: dict[str, Any]) -> Unmixed | None:
        """What the directions give, once there are b of them."""
        if len(found["q"]) < self.b:
            return None
        weight, bias, _, across = self.given.tensors
        return unmix(self.sieves[-1], found["q"], across, weight, bias, self.given.most)

    def over(self, found: dict[str, Any]) -> bool:
        return bool(found["turn"] >= self.turns)

    def believed(self, facts: dict[str, Any], since: int) -> bool:
        """Whether the masks certify a basis; after several steps the range of the pixels, and that nothing better turned up in
        so many turns.
        """
        given = self.given
        sent = given.update.tensors[f"{given.layer.name}.weight"].dtype
        clean = not self.reading.noisy and sent == torch.float64
        if facts["agreed"] >= (CLEAN if clean else ROUNDED):
            return True
        steady = given.several_steps and given.direct and since >= STEADY
        return bool(steady and facts["agreed"] >= SHIFTED and facts["outside"] <= OUTSIDE)


def outside(values: torch.Tensor) -> float:
    """Share of pixels clearly outside [0, 1]."""
    return float(((values < -MARGIN) | (values > 1 + MARGIN)).double().mean())
