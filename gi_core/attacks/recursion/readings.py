"""What an activation's output s(z) determines: z, the slope s'(z), and where they are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gi_core.numerics.convolution_maps import Array
from gi_core.settings.graph import Act

EDGE = 1e-9
"""Recovered values are kept this far inside an open range before they are inverted."""


@dataclass(frozen=True)
class Reading:
    """z where `known` (bool); slope s'(z), 0 where a ReLU is inactive. All of the layer's shape."""

    z: Array
    slope: Array
    known: np.ndarray


def read(activation: Act | None, value: Array, tolerance: float = 0.0) -> Reading:
    """The reading of s(z) = value. tolerance: a ReLU unit counts as inactive up to this share of the largest.

    leaky ReLU: v or v / a. sigmoid: log(v / (1 - v)), s' = v (1 - v). tanh: artanh v, 1 - v^2.
    ELU: v or log(1 + v), 1 or 1 + v. softplus: v + log(1 - e^-v), 1 - e^-v. ReLU: v where v > 0.
    """
    everywhere = np.ones(value.shape, bool)
    if activation is None or activation.kind == "none":
        return Reading(value, np.ones_like(value), everywhere)
    kind = activation.kind
    if kind == "relu":
        active = value > tolerance * max(float(value.max(initial=0.0)), 0.0)
        return Reading(np.where(active, value, 0.0), active.astype(float), active)
    below = value < 0
    if kind == "leaky_relu":
        slope = np.where(below, activation.slope, 1.0)
        return Reading(value / slope, slope, everywhere)
    if kind == "sigmoid":
        v = np.clip(value, EDGE, 1 - EDGE)
        return Reading(np.log(v / (1 - v)), v * (1 - v), everywhere)
    if kind == "tanh":
        v = np.clip(value, EDGE - 1, 1 - EDGE)
        return Reading(np.arctanh(v), 1 - v * v, everywhere)
    if kind == "elu":
        v = np.maximum(value, EDGE - 1)
        return Reading(np.where(below, np.log1p(np.minimum(v, 0.0)), v), np.where(below, 1 + v, 1.0), everywhere)
    if kind == "softplus":
        v = np.maximum(value, EDGE)
        rest = -np.expm1(-v)
        return Reading(v + np.log(rest), rest, everywhere)
    raise ValueError(f"{kind} cannot be read")


def homogeneous(activation: Act | None) -> bool:
    """Whether s(a z) = a s(z) for a > 0."""
    return activation is None or activation.kind in ("none", "leaky_relu", "relu")
