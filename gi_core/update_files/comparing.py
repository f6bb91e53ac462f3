"""What an update's numbers are, beside the checkpoint: whole weights or a change, frozen tensors, their precision. No torch.

theta_T is nearly theta_0: cosine and ratio of norms near 1. A change is nearly orthogonal to the weights it changes
(measured on LeNets and ResNets: |cosine| below 0.1), so the two cannot be taken for each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

WHOLE, DOUBTFUL = 0.9, 0.5
"""Cosine with the checkpoint from which an update holds whole weights for certain, or may."""
NEAR = 2.0
"""Factor by which the norms of whole weights may differ from those before."""
FLOAT32 = 1e-6
"""Relative error of a gradient computed in float32: measured 7e-8 to 8e-7 on LeNets, an MLP and ResNets, of one picture and of
eight, against float64. A maximum or ReLU that rounding tips over may cost more (1.5e-4, once): then nothing is certain.
"""

_BITS = {"float16": 10, "bfloat16": 7}
_LEAST = {"float16": 2.0**-14, "bfloat16": 2.0**-126}
"""Smallest value of full precision."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Likeness:
    """cosine = <u, w> / (|u| |w|), ratio = |u| / |w|, of an update u and the weights w before the round."""

    cosine: float
    ratio: float

    @property
    def near(self) -> bool:
        """Whether the norms could be those of the same network."""
        return 1 / NEAR <= self.ratio <= NEAR

    @property
    def whole(self) -> bool:
        """Whether u is for certain the weights after the round, not their change."""
        return self.near and self.cosine >= WHOLE

    @property
    def doubtful(self) -> bool:
        """Whether u may be either."""
        return self.near and DOUBTFUL <= self.cosine < WHOLE


def likeness(update: Arrays, before: Arrays, names: Iterable[str]) -> Likeness:
    """How alike the tensors `names` are, summed in double precision; zeros where there is nothing to compare."""
    product = square = own = 0.0
    for name in names:
        u, w = (np.asarray(side[name], np.float64).ravel() for side in (update, before))
        product, square, own = product + float(u @ w), square + float(u @ u), own + float(w @ w)
    if not square or not own:
        return Likeness(0.0, 0.0)
    return Likeness(product / math.sqrt(square * own), math.sqrt(square / own))


def frozen(update: Arrays, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` in layers whose values are all exactly zero, while other layers' are not: they did not train.

    A zero bias beside a weight that moved is none: one before batch norm has no gradient.
    """
    names = list(names)
    moved = {_layer(name) for name in names if np.any(update[name])}
    return tuple(name for name in names if _layer(name) not in moved) if moved else ()


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def sixteen(update: Iterable[np.ndarray]) -> str | None:
    """ "float16" or "bfloat16" where all values are such numbers, else None. Most bfloat16 values are float16 values too."""
    half = brain = True
    for values in update:
        array = np.ascontiguousarray(values, np.float32).ravel()
        half = half and bool((array == to_sixteen(array, "float16")).all())
        brain = brain and bool((array == to_sixteen(array, "bfloat16")).all())
        if not (half or brain):
            return None
    return "bfloat16" if brain else "float16"


def grain(update: Iterable[np.ndarray]) -> float:
    """Root mean square of the relative rounding of the values: 2^-12 / sqrt(3) where all are float16, 2^-9 / sqrt(3) where
    all are bfloat16, else 0: float32, of which `FLOAT32` speaks.
    """
    kind = sixteen(update)
    return 0.0 if kind is None else 2.0 ** -(_BITS[kind] + 2) / math.sqrt(3)


def to_sixteen(values: np.ndarray, kind: str) -> np.ndarray:
    """float32 values rounded to `kind`, to the nearest and of two to the even one, as float32."""
    array = np.ascontiguousarray(values, np.float32)
    if kind == "float16":
        with np.errstate(over="ignore"):
            return array.astype(np.float16).astype(np.float32)
    bits = array.view(np.uint32).astype(np.uint64)
    bits += np.uint64(0x7FFF) + ((bits >> np.uint64(16)) & np.uint64(1))
    return (bits & np.uint64(0xFFFF0000)).astype(np.uint32).view(np.float32)


def cells(values: np.ndarray, kind: str) -> np.ndarray:
    """Width of the cell of each value of `kind`: whatever is nearer to it than half of that is rounded to it."""
    size = np.maximum(np.abs(np.asarray(values, np.float64)), _LEAST[kind])
    return np.exp2(np.floor(np.log2(size)) - _BITS[kind]).astype(np.float32)


def rounding(before: Iterable[np.ndarray], change: float) -> float:
    """Relative error of a change of norm `change` that was taken as a difference of float32 weights.

    Each weight w after the round is rounded to |w| 2^-24 at most, evenly: |w| 2^-24 / sqrt(3) in the mean square.
    """
    square = sum(float(np.square(np.asarray(w, np.float64)).sum()) for w in before)
    return math.sqrt(square / 3) * 2.0**-24 / change if change else 0.0
