"""The linear equations that a convolution's gradient gives of its input, with the error to expect of each value.

G[f, c, t] = sum_p k[f, p] x[c, s p + t]: one matrix K serves every channel. Each filter's rows are divided by
sqrt(|k_f|^2 + mean_f |k_f|^2), so that rounding is about alike in all of them: a client's k is a sum that cancels, and its
rounding is of the size of the others. k = U S V^T leaves at most as many rows of a tap as there are positions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from gi_core.numerics.convolution_maps import Array, kernel_matrix
from gi_core.settings.graph import Conv, Shape

WEAK = 1e-3
ROUNDING, SPARE = 1e-7, 10
"""Rounding of a channel's equations as a share of their size, beside what they contradict each other by where so many are spare."""
NOTHING = 1e-12
"""Singular values below this share of the largest are rounding in double precision."""


@dataclass(frozen=True)
class Rows:
    """kernel K (rows, H W), target (rows, C): K x^T = target."""

    kernel: Array
    target: Array


@dataclass(frozen=True)
class Found:
    """x (C, H, W); error (C, H, W), what rounding does to each value, up to a common factor; rank of one channel's
    equations; condition of K; residual |K x - target| / |target|. free (H W, q): orthonormal directions of a channel that
    the equations do not see, or see through a thousandth of the largest singular value, where there are any; sure: x
    without those.
    """

    x: Array
    error: Array
    rank: int
    condition: float
    residual: float
    free: Array | None = None
    sure: Array | None = None

    @property
    def short(self) -> int:
        """Directions of one channel that no equation sees."""
        return self.x[0].size - self.rank


def rows(op: Conv, k: Array, gradient: Array, input_shape: Shape, use: np.ndarray) -> Rows:
    """The equations of the filters `use` (bool). k (F, Ho, Wo) = dL/dz; gradient (F, C, kernel, kernel)."""
    squares = (k**2).sum((1, 2))
    sizes = np.sqrt(squares + squares.mean())
    mine = np.flatnonzero(use & (squares > 0))
    channels, taps = input_shape[0], op.kernel**2
    if not len(mine):
        return Rows(np.zeros((0, input_shape[1] * input_shape[2])), np.zeros((0, channels)))
    whitened = k[mine].reshape(len(mine), -1) / sizes[mine, None]
    shown = gradient[mine].reshape(len(mine), -1) / sizes[mine, None]
    left, values, right = linalg.svd(whitened, full_matrices=False, check_finite=False)
    kept = values > NOTHING * values[0]
    short = (values[kept, None] * right[kept]).reshape(-1, *k.shape[1:])
    target = (left[:, kept].T @ shown).reshape(-1, channels, taps).transpose(0, 2, 1).reshape(-1, channels)
    return Rows(kernel_matrix(op, short, input_shape), target)


def solve(parts: list[Rows], input_shape: Shape) -> Found:
    """Least squares over all parts; of least norm where they are short."""
    kernel = np.concatenate([p.kernel for p in parts])
    target = np.concatenate([p.target for p in parts])
    channels, pixels = input_shape[0], kernel.shape[1]
    if not len(kernel):
        nothing = np.zeros(input_shape)
        return Found(nothing, np.ones(input_shape), 0, float("inf"), 1.0)
    left, values, right = np.linalg.svd(kernel, full_matrices=False)
    kept = values > NOTHING * values[0]
    full = int(kept.sum()) == pixels
    inverse = right[kept].T / values[kept]
    x = (inverse @ (left[:, kept].T @ target)).T
    spread = np.sqrt((inverse**2).sum(1)) if full else np.ones(pixels)
    left_over = kernel @ x.T - target
    residual = float(np.linalg.norm(left_over)) / max(float(np.linalg.norm(target)), 1e-300)
    spare = len(kernel) - int(kept.sum())
    noise = (left_over**2).sum(0) / spare if spare >= SPARE else np.zeros(channels)
    size = np.sqrt(ROUNDING**2 * (target**2).mean(0) + noise)
    error = np.maximum(size[:, None] * spread[None], 1e-300)
    found = Found(
        x.reshape(input_shape), error.reshape(input_shape), int(kept.sum()),
        float(values[0] / values[-1]) if full else float("inf"), residual,
    )  # fmt: skip
    sure = values > WEAK * values[0]
    if full and sure.all():
        return found
    known = (right[sure].T / values[sure]) @ (left[:, sure].T @ target)
    basis = linalg.qr(right[sure].T, check_finite=False)[0][:, int(sure.sum()) :]
    return replace(found, free=basis, sure=known.T.reshape(input_shape))
