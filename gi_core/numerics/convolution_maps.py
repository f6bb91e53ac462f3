"""The two linear maps that a convolution gives of its input x, padding left out.

Weight constraints W x = z - b, and gradient constraints K x = vec(G) with G = dL/dW, k = dL/dz:
G[f, c, u, v] = sum_{a,b} k[f, a, b] x[c, s a + d u - p, s b + d v - p]. K is the same for every
channel c: K = I (x) K0, so it is never stacked. Zhu and Blaschko 2021.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gi_core.settings.graph import Conv, Shape

Array = NDArray[np.float64]


def _places(op: Conv, tap: int, extent: int, outputs: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Along one axis: outputs that see a real pixel through a tap, and those pixels."""
    at = op.stride * np.arange(outputs) + op.dilation * tap - op.padding
    seen = np.flatnonzero((at >= 0) & (at < extent))
    return seen, at[seen]


def kernel_matrix(op: Conv, k: Array, input_shape: Shape) -> Array:
    """K0 (F k^2, H W) of F filters: row (f, u, v), column (h, w); k (F, Ho, Wo)."""
    filters, height, width = k.shape
    out = np.zeros((filters, op.kernel, op.kernel, *input_shape[1:]))
    for u in range(op.kernel):
        rows, h = _places(op, u, input_shape[1], height)
        for v in range(op.kernel):
            columns, w = _places(op, v, input_shape[2], width)
            out[:, u, v, h[:, None], w[None, :]] = k[:, rows[:, None], columns[None, :]]
    return out.reshape(filters * op.kernel**2, input_shape[1] * input_shape[2])  # filters may be none


def weight_matrix(op: Conv, weight: Array, input_shape: Shape, shape: Shape) -> sparse.csr_matrix:
    """W as a sparse matrix: row (f, a, b), column (c, h, w) of one group; weight (F, C, k, k)."""
    filters, channels = weight.shape[:2]
    values, rows, columns = [], [], []
    f, c = np.meshgrid(np.arange(filters), np.arange(channels), indexing="ij")
    for u in range(op.kernel):
        a, h = _places(op, u, input_shape[1], shape[1])
        for v in range(op.kernel):
            b, w = _places(op, v, input_shape[2], shape[2])
            out = (a[:, None] * shape[2] + b[None, :]).ravel()
            pixel = (h[:, None] * input_shape[2] + w[None, :]).ravel()
            rows.append((f[..., None] * (shape[1] * shape[2]) + out).ravel())
            columns.append((c[..., None] * (input_shape[1] * input_shape[2]) + pixel).ravel())
            values.append(np.repeat(weight[:, :, u, v].ravel(), out.size))
    size = (filters * shape[1] * shape[2], channels * input_shape[1] * input_shape[2])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_matrix(entries, shape=size).tocsr()


def largest_singular(matrix: sparse.sparray | sparse.spmatrix | Array, rounds: int = 30) -> float:
    """sigma_max of a matrix by power iteration from a fixed start, to about a per cent."""
    v = np.cos(np.arange(matrix.shape[1]) + 1.0)
    size = 0.0
    for _ in range(rounds):
        v = matrix.T @ (matrix @ v)
        size = float(np.linalg.norm(v))
        if size == 0.0:
            return 0.0
        v /= size
    return size**0.5
