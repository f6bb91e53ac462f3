"""A layer's input from its quadratic equations in closed form, where the gradient's rank is the number of positions less one.

With X the patches as columns, their mean taken off, and k as rows, G^T = X K^T, K = E - diag(c) W X: the columns of G^T span
those of X. V an orthonormal basis of them, X = V Y: V^T G^T = Y E^T - S B^T with S = Y Y^T and B = diag(c) W V. On the
filters' combinations that E does not reach, S alone is left, by a Lyapunov equation; then Y follows. What the patches lack of
x, their mean and what no patch tells from it, follows from the known means of W x. All steps are linear. This project's own.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from gi_core.attacks.recursion.residual.train_layer import TrainLayer
from gi_core.numerics.convolution_maps import Array, kernel_matrix

NOTHING = 1e-10
"""Singular values below this share of the largest are nothing."""


def enough(layer: TrainLayer) -> bool:
    """Whether the closed form has an equation for every unknown."""
    filters, taps = layer.weight.shape
    free = layer.positions - 1
    return free > 0 and filters >= 2 * free and taps >= free


def solve(layer: TrainLayer, e: Array, others: list[TrainLayer]) -> Array:
    """x (Cin, H, W). e (F, P) = dL/dz; others: layers with the same input, whose means are known too."""
    return _pictures(layer, patches(layer, e), others)


def patches(layer: TrainLayer, e: Array) -> Array:
    """X (Cin k^2, P): the patches of the input with their mean over the positions taken off."""
    p = layer.positions
    size = np.sqrt((e**2).sum(1))
    size = np.sqrt(size**2 + (size**2).mean() + 1e-300)[:, None]
    basis = linalg.null_space(np.ones((1, p)))
    reach = (e / size) @ basis
    gradient = layer.gradient.numpy() / size
    v = _columns(gradient.T, p - 1)
    seen = v.T @ gradient.T
    bent = (layer.slope.numpy()[:, None] / size) * (layer.weight.numpy() @ v)
    whole = linalg.qr(reach, check_finite=False)[0]
    blind = whole[:, p - 1 :]
    n, f = bent.T @ blind, seen @ blind  # f = - s n
    roots, q = linalg.eigh(n @ n.T)
    right = q.T @ (-(f @ n.T + n @ f.T)) @ q
    sums = roots[:, None] + roots[None]
    s = q @ (right / np.maximum(sums, NOTHING**2 * sums.max() + 1e-300)) @ q.T
    y = linalg.lstsq(reach, (seen + s @ bent.T).T, check_finite=False)[0].T
    return v @ y @ basis.T


def _columns(gradient: Array, most: int) -> Array:
    """An orthonormal basis of the columns of gradient (Cin k^2, F), of rank `most` at the most.

    Its filters' leading combinations come from the small product; the columns of an exact rank are theirs all the same.
    """
    roots, combinations = linalg.eigh(gradient.T @ gradient)
    leading = gradient @ combinations[:, -most:]
    left, values, _ = linalg.svd(leading, full_matrices=False, check_finite=False)
    return left[:, values > NOTHING * values[0]]


def _pictures(layer: TrainLayer, x: Array, others: list[TrainLayer]) -> Array:
    """The input whose patches, their mean taken off, are x."""
    channels, height, width = layer.shape
    taps, p = layer.op.kernel**2, layer.positions
    picks = kernel_matrix(layer.op, np.eye(p).reshape(p, *layer.side), layer.shape)  # (p, tap) x pixel
    means = np.tile(np.eye(taps), (p, 1))
    matrix = np.concatenate([picks, -means], 1)
    target = x.reshape(channels, taps, p).transpose(2, 1, 0).reshape(p * taps, channels)
    left, values, right = linalg.svd(matrix, full_matrices=True, check_finite=False)
    kept = int((values > 1e-9 * values[0]).sum())
    found = right[:kept].T @ ((left[:, :kept].T @ target) / values[:kept, None])
    unseen = right[kept:]
    pixels = height * width
    plain, free = found[:pixels].T, unseen[:, :pixels]
    if len(unseen):
        plain = plain + _unseen([layer, *others], plain, free)
    return plain.reshape(layer.shape)


def _unseen(layers: list[TrainLayer], plain: Array, free: Array) -> Array:
    """What is to be added along the directions `free` (q, H W), the same for every channel, by the means of W x."""
    rows, target = [], []
    channels = len(plain)
    for layer in layers:
        taps = layer.op.kernel**2
        average = np.full((1, *layer.side), 1 / layer.positions)
        means = kernel_matrix(layer.op, average, layer.shape)  # tap x pixel
        weight = layer.weight.reshape(len(layer.weight), channels, taps).numpy()
        size = layer.spread.numpy()[:, None] + 1e-300
        rows.append(np.einsum("fct,tq->fcq", weight, means @ free.T).reshape(len(weight), -1) / size)
        target.append((layer.mean.numpy() - np.einsum("fct,tc->f", weight, means @ plain.T)) / size[:, 0])
    found = linalg.lstsq(np.concatenate(rows), np.concatenate(target), check_finite=False)[0]
    return found.reshape(channels, -1) @ free
