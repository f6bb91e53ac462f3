"""The robust linear finish: with the winners of the windows taken as they are, everything is linear in the picture.

Rows: the winner's z = m; the stem's own gradient G; z = u where a bound is broken. Reweighted least squares, weights
1 / sqrt(1 + (r / 3e)^2), e the median residual, by LSMR on evened columns; a filter's gradient is weighed by its own
residual. A window whose second candidate is as near as the windows around are missed by counts (gap / (gap + 3 e'))^2.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, lsmr
from torch import Tensor
from torch.nn import functional

from gi_core.attacks.recursion.residual.shallow import Stem
from gi_core.attacks.recursion.residual.winners import settled
from gi_core.numerics.convolution_maps import Array

INNER = 800
"""Most iterations of LSMR in a round."""
SURE = 3.0
"""Times what the windows around are missed by, from which the gap to the second candidate makes a winner sure."""


def misfit(stem: Stem, pooled: Tensor, active: Tensor, x: Tensor) -> float:
    """sum |relu(max pooling of z) - m| / sum m, what the attacker sees of the picture's quality.

    Of absolute values: a few wrong winners, where little is seen of a picture, would hide in squares how good the rest is.
    """
    reached = torch.relu(stem.in_windows(stem.maps(stem.patches(x))).amax(2))
    return float((reached - pooled * active).abs().sum() / (pooled * active).sum().clamp_min(1e-30))


def improve(stem: Stem, pooled: Tensor, active: Tensor, back: Tensor, among: Tensor, x: Tensor) -> Tensor:
    """One round from the picture x (C, H, W), float64. among (C, windows, taps): who may have won."""
    winner, chosen = settled(stem, pooled, active, back, among, x)
    patches = stem.patches(x)
    z = stem.maps(patches)
    held = stem.in_windows(z)
    places = stem.windows.places.expand(len(z), -1, -1).gather(2, winner[:, :, None])[:, :, 0]
    dealt = stem.dealt(functional.one_hot(winner, held.shape[2]).to(held.dtype), back * active)
    reached = z.gather(1, places)
    missed = (reached - pooled)[active]
    usual = max(float(missed.abs().median()), 1e-15)
    local = _local(reached - pooled, active, stem.windows.side).clamp_min(usual).expand_as(reached)[active]
    second = held.masked_fill(~among, float("-inf")).scatter(2, winner[:, :, None], float("-inf")).amax(2)
    gap = (reached - second).masked_fill(chosen, float("inf"))[active]
    bound = stem.bound(pooled)
    broken = z - bound > max(3 * usual, 1e-12)
    wrong = stem.misfit(dealt, patches, z)
    of_filter = wrong.norm(dim=1, keepdim=True)
    typical = max(float(of_filter.median()), 1e-15)
    by_filter = 1 / torch.sqrt(1 + (of_filter / (3 * typical)) ** 2)
    share = usual / (typical / stem.gradient.shape[1] ** 0.5)  # both kinds of rows in units of their usual residual
    by_filter = by_filter * min(max(share, 1e-3), 1e3)
    by_window = 1 / torch.sqrt(1 + (missed / (3 * usual)) ** 2)
    by_window = by_window * torch.where(gap.isinf(), 1.0, (gap / (gap + SURE * local)) ** 2).double()
    over = torch.where(broken, z - bound, torch.zeros(())).double()
    by_bound = broken / torch.sqrt(1 + (over / (3 * usual)) ** 2)
    rows = _Rows(stem, places, active, stem.share(dealt, z), patches, by_window, by_filter, by_bound, broken)
    right = -rows.pack(missed, wrong, over)
    scale = rows.scale()
    operator = LinearOperator(
        (right.size, x.numel()), matvec=lambda v: rows.forward(scale * v), rmatvec=lambda r: scale * rows.backward(r),
        dtype=float,
    )  # fmt: skip
    step = scale * lsmr(operator, right, atol=1e-15, btol=1e-15, conlim=0, maxiter=INNER)[0]
    return x + torch.from_numpy(step).reshape(x.shape)


def _local(missed: Tensor, active: Tensor, side: tuple[int, int]) -> Tensor:
    """(1, windows): the root mean square of what is missed among the channels, there and in the windows around."""
    squares = (missed.masked_fill(~active, 0.0) ** 2).sum(0).reshape(1, *side)
    count = active.sum(0).reshape(1, *side).to(squares.dtype)
    around = [functional.avg_pool2d(t, 3, 1, 1) for t in (squares, count)]
    return (around[0] / around[1].clamp_min(1e-9)).sqrt().reshape(1, -1)


class _Rows:
    """The weighted equations as an operator on a step of the picture."""

    def __init__(
        self, stem: Stem, places: Tensor, active: Tensor, share: Tensor, here: Tensor, by_window: Tensor,
        by_filter: Tensor, by_bound: Tensor, broken: Tensor,
    ):  # fmt: skip
        self.stem, self.places, self.active, self.broken = stem, places, active, broken
        self.of_gradient = share / stem.gradient_size * by_filter
        self.bent = None if stem.normed is None else (stem.normed.slope / stem.gradient_size * by_filter, here)
        self.by_window, self.by_filter, self.by_bound = by_window, by_filter, by_bound

    def pack(self, windows: Tensor, filters: Tensor, bounds: Tensor) -> Array:
        """Residuals of the three kinds as one weighted vector."""
        parts = (windows * self.by_window, (filters * self.by_filter).ravel(), (bounds * self.by_bound)[self.broken])
        found: Array = torch.cat(parts).numpy()
        return found

    def forward(self, v: Array) -> Array:
        stem = self.stem
        patches = stem.patches(torch.from_numpy(np.ascontiguousarray(v)).reshape(stem.shape))
        z = stem.weight @ patches
        windows = z.gather(1, self.places)[self.active] * self.by_window
        filters = self.of_gradient @ patches.T
        if self.bent is not None:  # k itself depends on x
            filters = filters - (self.bent[0] * z) @ self.bent[1].T
        out: Array = torch.cat([windows, filters.ravel(), (z * self.by_bound)[self.broken]]).numpy()
        return out

    def scale(self) -> Array:
        """One over the size of each pixel's column, which evens out how many rows see it."""
        stem = self.stem
        seen = torch.zeros_like(self.places, dtype=torch.float64)
        seen[self.active] = self.by_window**2
        z = torch.where(self.broken, self.by_bound**2, torch.zeros(())).double().scatter_add(1, self.places, seen)
        patches = (stem.weight**2).T @ z + (self.of_gradient**2).sum(0)
        columns = stem.fold(patches)
        found: Array = columns.clamp_min(1e-12 * columns.max()).rsqrt().ravel().numpy()
        return found

    def backward(self, r: Array) -> Array:
        stem, values = self.stem, torch.from_numpy(np.ascontiguousarray(r))
        first, second = int(self.active.sum()), self.of_gradient.shape[0] * stem.gradient.shape[1]
        windows, filters, bounds = values.split([first, second, len(values) - first - second])
        z = torch.zeros_like(self.by_bound)
        z[self.broken] = bounds
        z = z * self.by_bound
        spread = torch.zeros_like(self.places, dtype=z.dtype)
        spread[self.active] = windows * self.by_window
        z = z.scatter_add(1, self.places, spread)
        of = filters.reshape(self.of_gradient.shape[0], -1)
        if self.bent is not None:
            z = z - self.bent[0] * (of @ self.bent[1])
        patches = stem.weight.T @ z + of.T @ self.of_gradient
        found: Array = stem.fold(patches).ravel().numpy()
        return found
