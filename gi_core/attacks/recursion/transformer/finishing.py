"""Pictures that were told apart, finished: the cut between them is read off the first attention alone, and its rounding is most of
their error in single precision. All that was sent says more, so a few steps of Levenberg-Marquardt follow in what the positions leave open.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from gi_core.attacks.base import State
from gi_core.attacks.recursion.transformer.coset import Coset
from gi_core.attacks.recursion.transformer.given import Given
from gi_core.attacks.recursion.transformer.reduced import Reduced

ROUNDED, UNSEEN = 10.0, 1e-9
"""Misfit in units of the rounding of what was sent, and as it is, below which nothing is left to finish."""
RESCALED = 3.0
"""Misfit of pictures as they are, over that at the factor that fits best, beyond which the update was rescaled: it is left alone."""
IDLE = 0.9
"""Share of a step's residual above which the next one is not worth its time."""


class Finishing:
    """whole: as in `reduced.Reduced`. A finish is given up where it does not lower the misfit."""

    def __init__(self, given: Given, coset: Coset, whole: Callable[[Tensor], Tensor]):
        self.given, self.coset, self.whole = given, coset, whole
        self._reduced: Reduced | None = None

    def begin(self, state: State) -> bool:
        """Whether there is something to finish. state: with patches, labels, and `replayed` among its facts."""
        replayed = state["facts"]["replayed"]
        if replayed is None or replayed < max(ROUNDED * self.given.eps, UNSEEN):
            return False
        problem = self.problem(state)
        z = problem.at(state["patches"])
        state["search"] = {**problem.damped.begin(z, z.clone()), "residual": problem.damped.squared(z)}
        return math.sqrt(state["search"]["residual"]) <= RESCALED * replayed

    def step(self, state: State) -> bool:
        """One step; True when the last one is done."""
        problem, found = self.problem(state), state["search"]
        before = found["residual"]
        found["inner"] += 1
        ended = problem.damped.advance(found)
        if found["residual"] < before:
            state["patches"] = problem.shared + found["x"] @ problem.free
        return ended or found["residual"] > IDLE**2 * before or found["inner"] >= self.given.settings.search

    def problem(self, state: State) -> Reduced:
        """Made once: it is the same after a resumption, as all of it is in the state."""
        if self._reduced is None:
            at = self.coset
            self._reduced = Reduced(self.given, self.whole, state["labels"], at.shared, at.free, floor=0.0)
        return self._reduced
