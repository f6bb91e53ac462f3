"""What a metric is given that needs more than one answer and its original, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Batch:
    """N answers, each beside the original that it was matched with.

    raw: (N, C, H, W) float64, unclamped, in the order of the originals. true: (N, C, H, W) in [0, 1]. order: order[i] is
    the answer that belongs to original i. candidates: (M, C, H, W) in [0, 1], prior: (C, H, W) in [0, 1], labels: (N,),
    recovered in the order of the answers; None where there are none.
    """

    raw: np.ndarray
    true: np.ndarray
    order: list[int]
    candidates: np.ndarray | None = None
    prior: Any = None
    labels_true: Any = None
    labels_recovered: Any = None

    @cached_property
    def clamped(self) -> np.ndarray:
        """(N, C, H, W) in [0, 1]; NaN stays NaN."""
        values: np.ndarray = np.clip(self.raw, 0.0, 1.0)
        return values

    @cached_property
    def finite(self) -> list[bool]:
        """Whether each answer can be measured: none of its pixels is NaN."""
        return [not np.isnan(picture).any() for picture in self.raw]


@dataclass(frozen=True)
class Found:
    """values: key -> one value for each picture, None where it was not measured; the metric's own name is averaged.

    beside: what stands beside the means in `metrics`: notes (`<name>_note`), counts, or a mean that is none of values.
    """

    values: dict[str, list[Any]] = field(default_factory=dict)
    beside: dict[str, Any] = field(default_factory=dict)
