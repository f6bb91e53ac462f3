"""The eigenvalues of J J^T of one picture: all of them where they can be afforded, else nodes of a quadrature.

Stochastic Lanczos quadrature: Ubaru, Chen and Saad 2017.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import linalg

from gi_core.common.progress import Progress, silent
from gi_core.numerics.generators import generator
from gi_core.numerics.lanczos import factorise
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.spectrum import DAMPING, Array, Spectrum

MOST_EXACT = 4096
"""Pixel values up to which J J^T is written out."""


def spectrum(sample: Sample, seconds: float = 60.0, progress: Progress = silent) -> tuple[Spectrum, Array | None]:
    """The spectrum, exact with its eigenvectors (d, d) where that fits in about so many seconds, else by
    quadrature without them.
    """
    each = sample.product_seconds()
    if sample.size > MOST_EXACT or each * sample.size > seconds:
        return quadrature(sample, seconds, each, progress), None
    values, vectors = linalg.eigh(gram(sample, progress), driver="evd", check_finite=False)
    energy = (vectors**2).reshape(sample.shape[0], sample.shape[1], -1, sample.size).sum((0, 2))
    std, ones = tuple(sample.knowledge.std), np.ones(sample.size)
    return Spectrum(np.maximum(values, 0.0), ones, energy, std, True, sample.norm, sample.parameters), vectors


def gram(sample: Sample, progress: Progress = silent) -> Array:
    """J J^T (d, d), one product for each pixel value."""
    out = np.empty((sample.size, sample.size))
    unit = torch.zeros(sample.size, dtype=sample.dtype, device=sample.products.x.device)
    for i in range(sample.size):
        unit[i] = 1
        out[i] = sample.products.jjt(unit).cpu().double().numpy()
        unit[i] = 0
        if i % 64 == 0:
            progress(i / sample.size, "working out the spectrum")
    return (out + out.T) / 2


def quadrature(sample: Sample, seconds: float, each: float, progress: Progress = silent) -> Spectrum:
    """Nodes and weights of several random probes. each: seconds of one product.

    The error bar is of the mean of 1 / lambda: between probes, and between half the depth and all of it (a
    Gauss rule comes from below, so small eigenvalues that were not reached make it too small).
    """
    total = max(24, int(0.7 * seconds / each))  # the rest is for what comes around it
    probes = int(np.clip(total // 80, 2, 8))
    depth = int(np.clip(total // probes, 8, 400))
    nodes, weights, means, halves = [], [], [], []
    for p in range(probes):
        progress(p / probes, "estimating the spectrum")
        _, alphas, betas = factorise(sample.products.jjt, signs(sample, p), depth, lambda *_: False)
        theta, share = _rule(alphas, betas)
        nodes.append(theta)
        weights.append(share * sample.size / probes)
        means.append(_mean_inverse(theta, share))
        halves.append(_mean_inverse(*_rule(alphas[: depth // 2], betas[: depth // 2 - 1])))
    order = np.argsort(np.concatenate(nodes))
    between = np.std(means, ddof=1) / probes**0.5 / np.mean(means)
    spread = float(np.hypot(between, 1 - np.mean(halves) / np.mean(means)))
    found = estimate(sample, np.concatenate(nodes)[order], np.concatenate(weights)[order], spread)
    sample.take_largest(found.largest)
    return found


def signs(sample: Sample, probe: int) -> torch.Tensor:
    """Random signs (d,) of probe number `probe`, the same for every picture of that size."""
    return torch.randint(0, 2, (sample.size,), generator=generator(0, 1, probe)).to(sample.products.x) * 2 - 1


def estimate(sample: Sample, values: Array, weights: Array, spread: float) -> Spectrum:
    """The spectrum of quadrature nodes, whose energy is taken to be even over the channels."""
    channels = sample.shape[1]
    even = np.full((channels, len(values)), 1 / channels)
    std = tuple(sample.knowledge.std)
    return Spectrum(values, weights, even, std, False, sample.norm, sample.parameters, spread)


def _rule(alphas: list[float], betas: list[float]) -> tuple[Array, Array]:
    """Gauss quadrature of a factorisation: nodes, and weights that sum to one."""
    values, vectors = linalg.eigh_tridiagonal(alphas, betas)
    return np.maximum(values, 0.0), vectors[0] ** 2


def _mean_inverse(values: Array, weights: Array) -> float:
    return float((weights / np.maximum(values, DAMPING * values[-1])).sum())
