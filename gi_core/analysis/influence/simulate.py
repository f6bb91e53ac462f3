"""A picture as an attacker without a prior would see it at a noise level: a prediction, drawn. No torch."""

from __future__ import annotations

import numpy as np

from gi_core.analysis.influence.keeping import Places, Vectors
from gi_core.numerics.spectrum import DAMPING, Array, Spectrum


def simulated(
    spectrum: Spectrum, places: Places, vectors: Vectors, picture: Array, sigma: float, seed: int = 0
) -> Array:
    """picture (C, H, W) in [0, 1] plus an error of the predicted size and shape, not clamped.

    sum_k sigma / sqrt(lambda_k) n_k u_k over the kept eigenvectors, n_k normal; where not all are kept (or none), the
    rest of the predicted error is spread evenly over the pixels.
    """
    draw = np.random.default_rng(seed)
    std = np.asarray(spectrum.std)[:, None, None]
    shifted = np.maximum(spectrum.values[places], DAMPING * spectrum.largest)
    error = (vectors @ (sigma / np.sqrt(shifted) * draw.standard_normal(len(places)))).reshape(picture.shape) * std
    wanted, reached = spectrum.expected(sigma).pixels ** 2, float(np.sum(sigma**2 / shifted)) / picture.size
    reached *= float((np.asarray(spectrum.std) ** 2).mean())
    if reached < 0.99 * wanted:
        error = error + draw.standard_normal(picture.shape) * (wanted - reached) ** 0.5
    return picture + error


def direction(vectors: Vectors, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """A kept eigenvector as a picture (C, H, W), scaled to [0, 1] about one half."""
    u = vectors[:, index].reshape(shape)
    return 0.5 + 0.5 * u / max(float(np.abs(u).max()), 1e-12)
