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
    """Of the tensors `names`, summed in double precision; zeros where there is nothing to compare."""
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


def grain(update: Iterable[np.ndarray]) -> float:
    """Root mean square of the relative rounding of the values: 2^-12 / sqrt(3) where all are float16, 2^-9 / sqrt(3) where
    all are bfloat16, else 0: float32, of which `FLOAT32` speaks.
    """
    half = brain = True
    for values in update:
        array = np.ascontiguousarray(values, np.float32).ravel()
        with np.errstate(over="ignore"):
            half = half and bool((array == array.astype(np.float16)).all())
        brain = brain and not np.any(array.view(np.uint32) & np.uint32(0xFFFF))
        if not (half or brain):
            return 0.0
    return (2.0**-12 if half else 2.0**-9) / math.sqrt(3)


def rounding(before: Iterable[np.ndarray], change: float) -> float:
    """Relative error of a change of norm `change` that was taken as a difference of float32 weights.

    Each weight w after the round is rounded to |w| 2^-24 at most, evenly: |w| 2^-24 / sqrt(3) in the mean square.
    """
    square = sum(float(np.square(np.asarray(w, np.float64)).sum()) for w in before)
    return math.sqrt(square / 3) * 2.0**-24 / change if change else 0.0
