"""The picture that fits a rounded gradient best, and how far rounding moves it: F^+ D J W (g32 - g64), F = D J W J^T D.

W weighs each tensor by 1 / s_t^2, s_t what single precision takes from it (`numerics.rounding`), as a search that is finished does:
small tensors are rounded as finely as large ones, and tell as much.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import linalg
from torch import Tensor

from gi_core.numerics import rounding
from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import PRIOR, Array


def weighed(shown: Shown, drawn: Sequence[Sequence[Tensor]]) -> Shown:
    """What a server sees (`Shown`), each tensor over its own error. drawn: `rounding.differences`. Tensors of zeros tell nothing."""
    sample = shown.sample
    value = sample.products.value
    spreads = rounding.spreads(value, drawn)
    trust = [torch.full_like(g, 1 / s if s else 0.0) for g, s in zip(value, spreads, strict=True)]
    if shown.kept is not None:
        trust = [t * k for t, k in zip(trust, shown.kept, strict=True)]
    return Shown(sample, trust, shown.scaled)


def error(fine: Shown, taken: Sequence[Sequence[Tensor]], free: int, worse: float = 1.0) -> float:
    """The error to expect of the best fit, root mean square per pixel in [0, 1]. fine: as `weighed`. taken: g32 - g64, one tensor per
    parameter, drawn once or more. free: directions that do not show, whose error is that of a grey guess. worse: by which an answer leaves more than rounding.
    """
    assert fine.kept is not None
    values, vectors = linalg.eigh(fine.gram(), driver="evd", check_finite=False)
    over = [[t * k for t, k in zip(parts, fine.kept, strict=True)] for parts in taken]
    pulled = np.stack([fine.pull(parts).cpu().double().numpy() for parts in over], 1)
    return float(np.sqrt((_along(values[free:], vectors[:, free:], pulled, worse) + free * PRIOR**2) / len(values)))


def _along(values: Array, vectors: Array, pulled: Array, worse: float) -> float:
    """Sum of the mean squares on each eigenvector, none larger than that of a grey guess."""
    moved = (vectors.T @ pulled) / values[:, None] * worse
    return float(np.minimum((moved**2).mean(1), PRIOR**2).sum())
