"""R-GAP as its formulas are written down: every layer's constraints stacked as one dense matrix, padding included.

[K; W; P] x = [vec(G); z; 0] for the padded input, solved by LAPACK's least squares in double precision; no row
scaling. Our own, from the mathematics (Zhu and Blaschko 2021), to measure against.
"""

from __future__ import annotations

import numpy as np

from gi_core.settings.graph import Conv


def dense_layer(op: Conv, k: np.ndarray, weight: np.ndarray, gradient: np.ndarray, z: np.ndarray, shape) -> np.ndarray:
    """The input (C, H, W) of a convolution without bias or groups; k, z (F, Ho, Wo)."""
    channels, side = shape[0], shape[1] + 2 * op.padding
    index = np.arange(channels * side * side).reshape(channels, side, side)
    ends = (op.stride * (np.arange(n) + 1) - op.stride for n in k.shape[1:])
    a, b = np.meshgrid(*ends, indexing="ij")
    kernel_rows = np.zeros((op.channels, channels, op.kernel, op.kernel, index.size))
    weight_rows = np.zeros((op.channels, *k.shape[1:], index.size))
    positions = np.arange(a.size)
    for c in range(channels):
        for u in range(op.kernel):
            for v in range(op.kernel):
                columns = index[c][a + u, b + v].ravel()
                kernel_rows[:, c, u, v, columns] = k.reshape(len(k), -1)
                weight_rows.reshape(op.channels, -1, index.size)[:, positions, columns] = weight[:, c, u, v, None]
    inner = slice(op.padding, side - op.padding)
    padded = np.setdiff1d(index.ravel(), index[:, inner, inner].ravel())
    padding_rows = np.zeros((len(padded), index.size))
    padding_rows[np.arange(len(padded)), padded] = 1
    stack = np.concatenate([m.reshape(-1, index.size) for m in (kernel_rows, weight_rows, padding_rows)])
    right = np.concatenate([gradient.ravel(), z.ravel(), np.zeros(len(padded))])
    x = np.linalg.lstsq(stack, right, rcond=None)[0]
    return x.reshape(channels, side, side)[:, inner, inner]
