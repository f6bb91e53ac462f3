"""The last dense layer: its input x and k = dL/dz, read from its gradient G = k x^T.

With a bias, k is the bias gradient and nothing is left to guess. Without, G = sigma u v^T gives k and x up to
a factor, and the loss fixes it: a scalar equation, solved for each label and root. Zhu and Blaschko 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion import roots
from gi_core.attacks.recursion.layers import Numbers
from gi_core.numerics.convolution_maps import Array

ROUNDING = 1e-7


@dataclass(frozen=True)
class Candidate:
    """One explanation of the last layer's gradient: k (K,), x (D,), label, and what was assumed."""

    k: Array
    x: Array
    label: int
    words: str


def candidates(last: Numbers, loss: str, slope: float | None, label: int | None, root: str) -> list[Candidate]:
    """All explanations, likeliest first. loss: name of `settings.losses`. slope: of a leaky ReLU after the
    last layer (FCN3), else None. label: if known. root: both, small or large. Raises Refused.
    """
    if not np.abs(last.gradient).max() > 0:
        raise Refused("the last layer's gradient is zero, so the recursion has nothing to begin with")
    if last.bias_gradient is not None:
        return [_with_bias(last, last.bias_gradient, loss)]
    if len(last.weight) == 1:
        found = _one_logit(last, loss, slope, label, root)
    else:
        found = _several(last, loss, slope, label)
    if not found:
        raise Refused(
            "no logit fits the last layer's gradient: the update is noised, or it is of more than one picture"
        )
    return found


def _with_bias(last: Numbers, k: Array, loss: str) -> Candidate:
    x = last.gradient.T @ k / (k @ k)
    if loss == "mse":
        target = last.weight @ x + last.bias - k * len(k) / 2
        label = int(target[0] > 0.5) if len(k) == 1 else int(target.argmax())
    else:
        label = int(k[0] < 0) if len(k) == 1 else int(k.argmin())
    return Candidate(k, x, label, "k is the bias gradient")


def _one_logit(last: Numbers, loss: str, slope: float | None, label: int | None, root: str) -> list[Candidate]:
    """<G, W> = z dL/dz = f dL/df for a homogeneous last activation f = s(z): one equation in f for each label."""
    product = float((last.gradient * last.weight).sum())
    found = []
    for positive in (1, 0) if label is None else (label,):
        logits = roots.logistic(product, positive) if loss == "logistic" else roots.squared(product, positive)
        for name, logit in roots.wanted(logits, root):
            derivative = roots.derivative(loss, logit, positive)
            if slope is not None and logit < 0:
                derivative *= slope  # dL/dz of the layer itself
            if derivative == 0.0:
                continue
            k = np.array([derivative])
            words = f"label {'positive' if positive else 'negative'}, logit {logit:.4g}{name}"
            found.append(Candidate(k, last.gradient[0] / derivative, positive, words))
    return found


def _several(last: Numbers, loss: str, slope: float | None, label: int | None) -> list[Candidate]:
    """G = sigma u v^T; x = alpha v, k = (sigma / alpha) u, alpha > 0, solves k = dL/dz(W alpha v + b)."""
    left, values, right = np.linalg.svd(last.gradient, full_matrices=False)
    found: list[tuple[float, Candidate]] = []
    for sign in (1.0, -1.0):
        u, v = sign * left[:, 0], sign * right[0]
        for c in range(len(u)) if label is None else (label,):
            # Under cross-entropy dL/dz of the label is negative, and it alone (but for rounding).
            if loss != "cross_entropy" or (u[c] < 0 and np.sum(u < -ROUNDING) == 1):
                found += _scales(last, loss, slope, values[0], u, v, c)
    found.sort(key=lambda pair: pair[0])
    return [candidate for misfit, candidate in found if misfit <= max(1e-3, 10 * found[0][0])][:4]


def _scales(
    last: Numbers, loss: str, slope: float | None, size: float, u: Array, v: Array, c: int
) -> list[tuple[float, Candidate]]:
    """(misfit, candidate) of every alpha that fits the label's own entry, the largest of k."""
    logits = last.weight @ v

    def expected(alpha: float) -> Array:
        return roots.several(loss, alpha * logits + last.bias, c, slope)

    def mismatch(alpha: float) -> float:
        return expected(alpha)[c] * alpha - size * u[c]

    grid = np.logspace(-6, 6, 241)
    values = np.array([mismatch(alpha) for alpha in grid])
    found = []
    for i in np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:])):
        alpha = brentq(mismatch, grid[i], grid[i + 1], xtol=1e-15, rtol=8.9e-16)
        k = size / alpha * u
        misfit = float(np.linalg.norm(expected(alpha) - k) / np.linalg.norm(k))
        found.append((misfit, Candidate(k, alpha * v, c, f"label {c}, |x| = {alpha:.4g}")))
    return found
