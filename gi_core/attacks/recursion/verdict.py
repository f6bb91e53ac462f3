"""What the recursion says of its own result, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EXACT, INEXACT = 1e-3, 1e-4


@dataclass(frozen=True)
class Found:
    """residual: worst of a determined layer. deficient: first layer short of rank, "" if none; chosen: how
    its open directions were filled, "" for the smallest solution; closed:
    layers that the layer before them completed. error: relative
    error that the equations let expect of the picture. images: of the update.
    """

    residual: float
    deficient: str
    chosen: str
    closed: str
    error: float
    images: int

    @classmethod
    def of(cls, candidate: dict[str, Any], images: int) -> Found:
        return cls(
            candidate["residual"],
            candidate["deficient"],
            candidate["chosen"],
            candidate["closed"],
            candidate["error"],
            images,
        )


def note(found: Found) -> str:
    """One sentence, from the attacker's side."""
    if found.images > 1:
        return f"one mixture of {found.images} pictures: a recursion does not separate them"
    if found.deficient and found.chosen:
        return f"layer {found.deficient} is short of equations: {found.chosen}"
    if found.deficient:
        return f"layer {found.deficient} is short of equations: what lies below it is the smallest solution, not the true one"
    if found.residual > INEXACT:
        return (
            f"the equations contradict each other by {found.residual:.1e}, so the update is not an exact gradient of one"
            f" picture; expect a relative error of about {min(found.error, 9.99):.2g}"
        )
    if found.error > EXACT:
        return f"solved, but a layer amplifies rounding: expect a relative error of about {found.error:.1g}"
    if found.closed:
        return f"layer {found.closed} is short of equations, and virtual constraints close the gap exactly"
    return "every layer is determined and its equations agree"
