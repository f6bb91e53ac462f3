"""What a second-order search matches: the gradients of one round, or of several rounds of the same pictures together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.attacks.base import Refused
from gi_core.numerics import rounding
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts, Products, StackedProducts


@dataclass(frozen=True)
class Matched:
    """One round. wanted: its gradients times `scale`. only: as in `GradientMap`. belief: about them, None where it says no more.
    single: makes the gradient as a client works it out, in single precision.
    """

    gradient: GradientMap
    target: Tensor
    only: list[int] | None
    scale: float
    wanted: list[Tensor]
    belief: Belief | None
    single: Callable[[], GradientMap] | None = None

    def values(self, x: Tensor) -> list[Tensor]:
        """Its gradients at x (N, C, H, W), scaled."""
        return [g.detach()[0] * self.scale for g in self.gradient(x[None], self.target[None], self.only)]

    def at(self, x: Tensor) -> JacobianProducts:
        """The same with their Jacobian."""
        return JacobianProducts(self.gradient, x, self.target, self.scale, self.only)

    def spreads(self, x: Tensor) -> list[float]:
        """What single precision takes from each of `wanted`, root mean square, worked out at an answer x (N, C, H, W)."""
        assert self.single is not None
        taken = rounding.drawn(self.single(), self.gradient, x, self.target, self.only)
        return rounding.spreads(self.wanted, [[t * self.scale for t in one] for one in taken])


class Together:
    """Rounds, the last one last."""

    def __init__(self, rounds: Sequence[Matched]):
        self.rounds = rounds
        self.wanted = [t for one in rounds for t in one.wanted]

    def values(self, x: Tensor) -> list[Tensor]:
        """The gradients of all rounds at x, one after the other."""
        return [t for one in self.rounds for t in one.values(x)]

    def at(self, x: Tensor) -> Products:
        """The same with their Jacobian."""
        found = [one.at(x) for one in self.rounds]
        return found[0] if len(found) == 1 else StackedProducts(found)

    def spreads(self, x: Tensor) -> list[float]:
        """As of each round, one after the other."""
        return [s for one in self.rounds for s in one.spreads(x)]

    def belief(self) -> Belief | None:
        """About all of them; None where it says no more than they do. Raises Refused."""
        if all(one.belief is None for one in self.rounds):
            return None
        parts = [one.belief or plain_belief(one.wanted) for one in self.rounds]
        rescaled = any(part.rescaled for part in parts)
        if rescaled and len(parts) > 1:
            raise Refused(
                "clipping shortened each round by a factor of its own: choose labels=observed_delta, in which it cancels, or one"
                " round"
            )
        low = [t for part in parts for t in part.low]
        high = [t for part in parts for t in part.high]
        spread = [t for part in parts for t in part.spread]
        return Belief(low, high, spread, rescaled)


def plain_belief(values: list[Tensor]) -> Belief:
    """Every value is as it was sent."""
    return Belief(values, values, [t.new_zeros(t.shape) for t in values])
