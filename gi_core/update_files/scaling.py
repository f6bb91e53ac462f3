"""The factor between an update and the gradient that a client as described would send, read off the last dense layer.

Of one picture dL/db = a k and dL/dW = a k h^T with k = dL/dz, so h = (dL/dW)^T k / |k|^2 does not depend on a, and
z = W h + b says what k must be for each label c: softmax(z) - e_c, sigmoid(z) - c, or 2 (z - e_c) / K. The factor is
a = <dL/db, k_c> / <k_c, k_c> at the label where they are most alike; its sign is found as well. Without a bias the
direction of h comes from the largest singular vectors, and its length is searched. No picture is needed for it. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Array = np.ndarray
GRID = np.concatenate([-np.logspace(-4, 4, 161)[::-1], np.logspace(-4, 4, 161)])
"""Lengths of h, with its sign, that are tried where the layer has no bias."""
TIED = 1e-5
"""Misfits of two labels that differ by less are equal but for rounding."""
LOSSES = ("cross_entropy", "logistic", "mse")


@dataclass(frozen=True)
class Layer:
    """The last dense layer: weight (K, R), bias (K,), and the update's tensors of them, in a gradient's units.

    A layer without a bias has None for both of the bias's.
    """

    weight: Array
    bias: Array | None
    weight_slope: Array
    bias_slope: Array | None


@dataclass(frozen=True)
class Scale:
    """factor: the update is so many times what such a client would send. misfit: share of the last layer's gradient that
    this does not explain. label: of the picture that fits.
    """

    factor: float
    misfit: float
    label: int

    @property
    def doubt(self) -> float:
        """Relative uncertainty of the factor; one that differs from 1 by less may be 1."""
        return max(1e-3, 3 * self.misfit)


def fit(layer: Layer, loss: str, smoothing: float = 0.0) -> Scale | None:
    """The scale of an update of one picture and one step; None where the layer's gradient says nothing."""
    slope = np.asarray(layer.weight_slope, np.float64)
    if not np.any(slope) or (layer.bias_slope is not None and not np.any(layer.bias_slope)):
        return None
    if layer.bias_slope is None or layer.bias is None:
        return _without_bias(layer, loss, smoothing)
    k = np.asarray(layer.bias_slope, np.float64)
    h = slope.T @ k / (k @ k)
    rest = float(np.linalg.norm(slope - np.outer(k, h)) / np.linalg.norm(slope))
    found = _best(k, layer.weight.astype(np.float64) @ h + layer.bias.astype(np.float64), loss, smoothing)
    return replace(found, misfit=max(found.misfit, rest))


def expected(logits: Array, loss: str, smoothing: float = 0.0) -> Array:
    """k_c = dL/dz for every label: rows (C, K); a single logit has two labels."""
    classes = len(logits)
    if loss == "cross_entropy":
        p = np.exp(logits - logits.max())
        p /= p.sum()
        rows = np.tile(p, (classes, 1))
        others = p.sum() - p  # 1 - p loses all digits of a confident answer
        rows[np.arange(classes), np.arange(classes)] = -np.where(p > 0.5, _rest(p), others)
        return rows + smoothing * (np.eye(classes) - 1 / classes) if smoothing else rows
    if loss == "logistic":
        z = float(logits[0])
        return np.array([[1 / (1 + np.exp(-z))], [-1 / (1 + np.exp(z))]])
    if classes == 1:
        return 2 * (logits[None] - np.array([[0.0], [1.0]]))
    return 2 * (logits[None] - np.eye(classes)) / classes


def _rest(p: Array) -> Array:
    """Of each class, the sum over the others: exact for the largest, whose 1 - p has lost its digits."""
    order = np.argmax(p)
    rest = 1 - p
    rest[order] = np.delete(p, order).sum()
    return rest


def _best(k: Array, logits: Array, loss: str, smoothing: float = 0.0) -> Scale:
    rows = expected(logits, loss, smoothing)
    squares = np.square(rows).sum(1)
    factors = rows @ k / np.where(squares > 0, squares, np.inf)
    misfits = np.linalg.norm(k - factors[:, None] * rows, axis=1) / np.linalg.norm(k)
    label = _likeliest(factors, misfits)
    return Scale(float(factors[label]), float(misfits[label]), label)


def _likeliest(factors: Array, misfits: Array) -> int:
    """The label that fits best. Of one logit or two classes both fit, with factors of opposite sign: then the one with the
    sign that a client sends, unless the other is exactly a flipped one and this is not the update as described.
    """
    fitting = np.flatnonzero(misfits <= misfits.min() + TIED)
    plain = min((i for i in fitting if factors[i] > 0), key=lambda i: abs(np.log(factors[i])), default=None)
    flipped = min((i for i in fitting if factors[i] < 0), key=lambda i: abs(factors[i] + 1), default=None)
    if plain is None or flipped is None:
        return int(misfits.argmin())
    return int(flipped if abs(factors[flipped] + 1) < 1e-3 < abs(factors[plain] - 1) else plain)


def _without_bias(layer: Layer, loss: str, smoothing: float = 0.0) -> Scale | None:
    """dL/dW = sigma u v^T: h = alpha v, and alpha is where softmax(alpha W v + b) - e_c is most like u."""
    slope, weight = layer.weight_slope.astype(np.float64), layer.weight.astype(np.float64)
    if len(slope) < 3:
        return None  # one or two numbers fit every length
    left, values, right = np.linalg.svd(slope, full_matrices=False)
    u, v, size = left[:, 0], right[0], values[0]
    rest = float(np.linalg.norm(values[1:]) / np.linalg.norm(values))
    offset = 0.0 if layer.bias is None else layer.bias.astype(np.float64)

    def at(alpha: float) -> Scale:
        found = _best(u, alpha * (weight @ v) + offset, loss, smoothing)
        return replace(found, factor=found.factor * size / alpha)

    tried = [at(alpha) for alpha in GRID]
    place = int(np.argmin([one.misfit for one in tried]))
    low, high = GRID[max(place - 1, 0)], GRID[min(place + 1, len(GRID) - 1)]
    if low < 0 < high:
        return None
    for _ in range(80):  # thirds: the misfit has one valley between its neighbours
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if at(a).misfit < at(b).misfit else (a, high)
    best = at((low + high) / 2)
    return replace(best, misfit=max(best.misfit, rest))
