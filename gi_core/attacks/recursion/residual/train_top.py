"""The mask of the last feature map behind a mean over positions, batch norm in train mode, in closed form and in its order.

The last convolution's gradient, row c divided by D_c = dL/d(output) / P, is R_t = N S_t a with N = M - n / P - y k: M binary
(C, P), a the convolution's input, S_t the shift of tap t, y the normalised output, n and k the ratios of batch norm's two
gradients to D and P D. N 1 = 0, so its rank is P - 1. With U the first P - 1 left singular vectors, N = U Q, T_t = U^T R_t
and Z Q = I - 1 1^T / P, (Z T_t)_p + m_t is a at p + t inside the map and 0 outside, m_t the mean of S_t a: linear and
homogeneous in Z and m. The factor comes from the known means of W a; the mask is U Z^+ + n / P + y k, rounded.
This project's own.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.residual.top import BINARY, BLURRED, UNLIKE
from gi_core.attacks.recursion.residual.train_layer import TrainLayer
from gi_core.numerics.convolution_maps import Array

LIVE = 1e-12
"""Share of the largest |D_c| below which a channel is left out."""


def mask(layer: TrainLayer, means: Array, sums: Array, side: tuple[int, int]) -> tuple[np.ndarray, Array]:
    """(M (C, H, W) bool, a (Cin, H, W)). means D (C,); sums (C,) = D n. Raises Refused."""
    p = side[0] * side[1]
    if p < 2:
        raise Refused(
            "the last feature map has one position, which batch norm in train mode makes zero: choose a larger size"
        )
    live = np.flatnonzero(np.abs(means) > LIVE * np.abs(means).max())
    count = sums[live] / means[live]
    divided = (
        layer.gradient.numpy()[live].reshape(-1, layer.shape[0], layer.op.kernel, layer.op.kernel)
        / means[live, None, None, None]
    )
    basis = _leading(divided.reshape(len(live), -1), p - 1)
    taps = np.einsum("cp,ciuv->uvpi", basis, divided, optimize=True)
    inputs = _leading(taps.reshape(-1, taps.shape[-1]).T, p)  # a has no more ranks than positions
    z, a = _null(layer.op.padding, taps @ inputs, side)
    a = inputs @ a
    a, factor = _scaled(layer, a.reshape(layer.shape))
    off = layer.off(layer.weight.new_tensor(a)).numpy()[live]
    bent = layer.slope.numpy()[live] / means[live]
    found = basis @ linalg.pinv(z) / factor + count[:, None] / p + off * bent[:, None]
    away = np.abs(found - np.round(found.clip(0, 1)))
    unlike = np.abs((found > 0.5).sum(1) - count) > 0.5
    if np.quantile(away, 0.99) > BINARY or unlike.mean() > UNLIKE:
        raise Refused(BLURRED)
    out = np.zeros((len(means), p), bool)
    out[live] = found > 0.5
    return out.reshape(-1, *side), a


def _leading(rows: Array, rank: int) -> Array:
    """The first left singular vectors (C, rank)."""
    return linalg.eigh(rows @ rows.T)[1][:, -rank:]


def _null(middle: int, taps: Array, side: tuple[int, int]) -> tuple[Array, Array]:
    """(Z (P, P - 1), a (Cin, P)) up to a factor: the least singular vector."""
    kernel, _, rank, _ = taps.shape
    p = side[0] * side[1]
    rows: list[Array] = []
    inside: list[Array] = []
    means: dict[tuple[int, int], Array] = {}
    for u in range(kernel):
        for v in range(kernel):
            to = [_at(q, u - middle, v - middle, side) for q in range(p)]
            out = [q for q in range(p) if to[q] is None]
            if not out:
                continue
            means[u, v] = -np.mean([_row(taps[u, v], q, p) for q in out], axis=0)
            rows += [_row(taps[u, v], q, p) + means[u, v] for q in out]
            inside += [
                _row(taps[u, v], q, p) - _row(taps[middle, middle], at, p) + means[u, v]
                for q in range(p)
                if (at := to[q]) is not None
            ]
    centre = np.mean(inside, axis=0)
    rows += [row - centre for row in inside]
    normal = np.sum([row.T @ row for row in rows], axis=0)
    size = float(np.trace(normal)) / len(normal)
    normal = normal + size * np.kron(np.ones((p, p)), np.eye(rank))
    z = linalg.eigh(normal, subset_by_index=[0, 0])[1][:, 0]
    a = (z.reshape(p, rank) @ taps[middle, middle]).T + (centre @ z)[:, None]
    return z.reshape(p, rank), a


def _at(q: int, down: int, right: int, side: tuple[int, int]) -> int | None:
    """The position that a tap reads at position q; None outside of the map."""
    y, x = q // side[1] + down, q % side[1] + right
    return y * side[1] + x if 0 <= y < side[0] and 0 <= x < side[1] else None


def _row(tap: Array, q: int, p: int) -> Array:
    """(Z T)_q as a map of Z: (Cin, P (P - 1))."""
    rank, channels = tap.shape
    out = np.zeros((channels, p, rank))
    out[:, q] = tap.T
    return out.reshape(channels, -1)


def _scaled(layer: TrainLayer, a: Array) -> tuple[Array, float]:
    """(a, the factor that it was multiplied by) with the known means of W a."""
    found = layer.forward(layer.weight.new_tensor(a)).mean(1).numpy() / layer.spread.numpy()
    wanted = layer.mean.numpy() / layer.spread.numpy()
    factor = float(found @ wanted) / max(float(found @ found), 1e-300)
    return a * factor, factor
