"""What the gradient of one dense layer says before anything is searched: how many pictures it mixes, and how noisy it is.

    G = dL/dW = A X,   G = U diag(S) V^T,   A (m x b), X (b x n): of rank b, whatever the pictures are

Rows and columns of zeros (units that are off for all pictures, pixels that are black in all) are left out of the spectrum.
White noise of deviation s has singular values up to s (sqrt m + sqrt n), and each row keeps noise of its own outside the
span of V, where it is measured. Mathematics after SPEAR (Dimitrov et al., NeurIPS 2024), thresholds of this project.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EDGE = 1.3
"""Multiples of the noise's edge above which a singular value is a picture's."""
ROUNDING = {torch.float32: 0.3, torch.float64: 20.0}
"""Of the largest singular value, in machine epsilons: what rounding leaves of nothing. Measured on gradients of torch."""
STEP = 3.0
"""Ratio of neighbours that the smooth spectrum of noise does not reach."""


@dataclass(frozen=True)
class Reading:
    """u (m, b), s (b,), vt (b, n): factors for the pictures that are looked for. spectrum: all singular values. rows (m,):
    deviation of the noise in a value of each row of G. live (m,): rows that are not zero. floor: singular value where noise
    ends. read: pictures that the rank shows. saturated: whether the rank can be no larger. share: |noise| / |G|.
    """

    u: Tensor
    s: Tensor
    vt: Tensor
    spectrum: Tensor
    rows: Tensor
    live: Tensor
    floor: float
    read: int
    saturated: bool
    share: float

    @property
    def gap(self) -> float:
        """S_b / S_(b + 1)."""
        b = len(self.s)
        return float(self.spectrum[b - 1] / self.spectrum[b].clamp_min(1e-300)) if b < len(self.spectrum) else 1.0

    @property
    def noisy(self) -> bool:
        """Whether the noise is more than rounding to single precision."""
        return self.share > 1e-6


def read(gradient: Tensor, precision: torch.dtype, most: int, wanted: int | None = None) -> Reading:
    """gradient G (m, n) in float64; precision: of the numbers that were sent. most: pictures that the update is of. wanted: how
    many to look for, whatever the rank shows.
    """
    live, used = gradient.abs().amax(1) > 0, gradient.abs().amax(0) > 0
    inner = gradient[live][:, used]
    u, s, vt = torch.linalg.svd(inner, full_matrices=False)
    found, floor = _rank(s, inner.shape, precision)
    b = min(wanted or min(found, most), len(s))
    left = inner - (u[:, :b] * s[:b]) @ vt[:b]
    rows = gradient.new_zeros(len(gradient))
    rows[live] = (left.square().sum(1) / max(1, inner.shape[1] - b)).sqrt()
    whole, right = gradient.new_zeros(len(gradient), b), gradient.new_zeros(b, gradient.shape[1])
    whole[live], right[:, used] = u[:, :b], vt[:b]
    saturated = found >= min(inner.shape)
    return Reading(whole, s[:b], right, s, rows, live, floor, found, saturated, float(left.norm() / s.norm()))


def _rank(s: Tensor, shape: torch.Size, precision: torch.dtype) -> tuple[int, float]:
    """(pictures, floor). The middle of the spectrum tells the noise's edge, as long as the pictures are fewer than half of it:
    of an m x n matrix of noise the edge is sqrt(max) + sqrt(min), the middle near sqrt(max) (1 - 0.4 sqrt(min / max)).
    """
    count, largest = len(s), float(s[0])
    rounding = ROUNDING.get(precision, 1.0) * torch.finfo(precision).eps * largest
    ratio = (min(shape) / max(shape)) ** 0.5
    edge = float(s[count // 2]) * (1 + ratio) / (1 - 0.4 * ratio) if count >= 4 else 0.0
    floor = max(rounding, EDGE * edge)
    if floor >= largest:  # no noise to be seen: the pictures fill the spectrum
        return count, rounding
    above = int((s > floor).sum())
    steps = (s[: min(above, count - 1)] / s[1 : min(above, count - 1) + 1].clamp_min(1e-300) > STEP).nonzero().flatten()
    return (int(steps[-1]) + 1 if len(steps) else above), floor
