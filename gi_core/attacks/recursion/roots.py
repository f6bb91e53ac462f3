"""The scalar equation of one logit: f dL/df = t, solved by Brent's method in float64.

Logistic, y = +-1, mu = y f: h(mu) = -mu / (1 + e^mu) = t. One root for t > 0; for -0.27846 < t < 0 two, on both
sides of mu* = 1 + W(1/e) = 1.27846, two scalings of the picture that give the same gradient.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, lambertw

from gi_core.numerics.convolution_maps import Array

TURN = float(1 + lambertw(np.exp(-1)).real)


def logistic(t: float, positive: int) -> list[float]:
    """Logits f with f dL/df = t, smallest |f| first; none when t is below the least value."""
    sign = 1.0 if positive else -1.0

    def h(mu: float) -> float:
        return -mu * expit(-mu) - t

    if t == 0.0:
        return []
    if t > 0:
        return [sign * brentq(h, -max(2 * t, 4.0) - 4.0, 0.0, xtol=1e-15, rtol=8.9e-16)]
    if h(TURN) > 0:
        return []
    roots = [brentq(h, 0.0, TURN, xtol=1e-15, rtol=8.9e-16), brentq(h, TURN, 750.0, xtol=1e-13, rtol=8.9e-16)]
    return [sign * mu for mu in dict.fromkeys(roots)]


def squared(t: float, positive: int) -> list[float]:
    """f with 2 f (f - y) = t, y 0 or 1; smallest |f| first."""
    inside = positive + 2 * t
    if inside < 0:
        return []
    roots = ((positive + s * inside**0.5) / 2 for s in (1, -1))
    return sorted((f for f in dict.fromkeys(roots) if f != 0.0), key=abs)


def derivative(loss: str, logit: float, positive: int) -> float:
    """dL/df of one logit."""
    if loss == "logistic":
        return float(expit(logit)) - positive
    return 2 * (logit - positive)


def wanted(logits: list[float], root: str) -> list[tuple[str, float]]:
    """(words for it, logit) of each root asked for."""
    if len(logits) < 2:
        return [("", f) for f in logits]
    named = [(", smaller root", logits[0]), (", larger root", logits[-1])]
    return {"both": named, "small": named[:1], "large": named[1:]}[root]


def several(loss: str, z: Array, label: int, slope: float | None = None) -> Array:
    """dL/dz of several outputs f = z, or leaky ReLU of z: (softmax(f) - e_c) s'(z), or 2 (f - e_c) / K s'(z)."""
    steep = np.where(z < 0, 1.0 if slope is None else slope, 1.0)
    logits, target = z * steep, np.eye(len(z))[label]
    if loss == "mse":
        return 2 * (logits - target) / len(logits) * steep
    powers = np.exp(logits - logits.max())
    return (powers / powers.sum() - target) * steep
