"""Eigenvalues of J J^T, and every error that they predict. No torch.

E|b|^2 = s^2 sum_k lambda_k / (lambda_k + eps)^2 for delta ~ N(0, s^2 I); undamped it is s^2 tr (J J^T)^-1, the
Cramer-Rao bound of an unbiased attacker. With pixels of prior variance v: sum_k s^2 / (lambda_k + s^2 / v).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAMPING = 1e-9
"""Relative damping, a share of lambda_max: what rounding of a float64 J leaves of it."""
PRIOR = 0.3
"""Standard deviation of a pixel about its mean, in [0, 1] units: what guessing grey gets wrong."""

LINEAR = 0.25
"""Relative second-order displacement up to which a prediction is called one: measured errors were within 7 % of the
predicted there, and up to three times off beyond.
"""


@dataclass(frozen=True)
class Errors:
    """Predicted root mean squared errors per pixel: normalised (the network's units), pixels ([0, 1])."""

    normalised: float
    pixels: float
    pixels_with_prior: float

    @property
    def protected(self) -> bool:
        """Whether matching alone errs as much as guessing grey."""
        return not self.pixels < PRIOR


@dataclass(frozen=True)
class Spectrum:
    """values: eigenvalues of J J^T, ascending, with weights that sum to d (all 1 where all are known).
    energy (C, len(values)): share of each channel in an eigenvector, summing to 1 over channels. std (C,): of the
    normalisation. exact: all eigenvalues, else quadrature nodes. spread: relative standard error of the
    predicted mean square (0 when exact). norm: |g|. parameters: P. rounded: error per pixel that the rounding of the gradient
    itself leaves, [0, 1], where it was worked out.
    """

    values: Array
    weights: Array
    energy: Array
    std: tuple[float, ...]
    exact: bool
    norm: float
    parameters: int
    spread: float = 0.0
    rounded: float | None = None

    @property
    def pixels(self) -> int:
        return round(float(self.weights.sum()))

    @property
    def largest(self) -> float:
        return float(self.values[-1])

    @property
    def smallest(self) -> float:
        return float(self.values[0])

    def expected(self, sigma: float, damping: float = DAMPING) -> Errors:
        """Errors for independent noise of standard deviation sigma on every value; damping relative to lambda_max."""
        shift = damping * self.largest
        per_mode = self.weights * sigma**2 * self.values / np.maximum(self.values + shift, 1e-300) ** 2
        scale = self._pixel_scale()
        # Directions that the gradient does not show at all keep what guessing grey gets wrong, whatever the noise.
        unseen = self.values <= DAMPING * self.largest
        per_mode = np.where(unseen, self.weights * PRIOR**2 / np.maximum(scale, 1e-300), per_mode)
        floor = sigma**2 / np.maximum(PRIOR**2 / scale, 1e-300)
        with_prior = self.weights * sigma**2 / np.maximum(self.values + floor, 1e-300) if sigma else 0.0 * self.values
        d = self.weights.sum()
        return Errors(
            float(np.sqrt(per_mode.sum() / d)),
            float(np.sqrt((per_mode * scale).sum() / d)),
            float(np.sqrt((with_prior * scale).sum() / d)),
        )

    def _pixel_scale(self) -> Array:
        """Squared length in pixels of a unit step along each eigenvector."""
        return np.asarray(self.std) ** 2 @ self.energy

    def noise_for(self, rmse: float, damping: float = DAMPING) -> float:
        """The sigma at which an attacker without a prior errs by rmse per pixel ([0, 1] units)."""
        unit = self.expected(1.0, damping).pixels
        return rmse / unit if unit else float("inf")

    def noise_for_with_prior(self, rmse: float) -> float:
        """The same for an attacker with the pixel prior; inf where the prior alone is better than that."""
        if rmse >= PRIOR:
            return float("inf")

        from scipy.optimize import brentq  # a fifth of a second, which a run that never asks need not spend

        def excess(log_sigma: float) -> float:
            return self.expected(10**log_sigma).pixels_with_prior - rmse

        return 10 ** brentq(excess, -15, 15)

    def directional(self, norm: float = 1.0) -> Array:
        """Influence of a perturbation of that norm along each eigenvector v_k: norm / sqrt(lambda_k)."""
        return norm / np.sqrt(np.maximum(self.values, 1e-300))

    def rounding(self) -> float:
        """sigma of the float32 rounding of the update itself: |g| 2^-24 / sqrt(P)."""
        return self.norm * 2.0**-24 / max(1, self.parameters) ** 0.5

    def to_json(self) -> dict:
        """Eigenvalues for charts (at most 400, evenly by rank), and what a page predicts from."""
        at = np.unique(np.linspace(0, len(self.values) - 1, min(400, len(self.values))).round().astype(int))
        return {
            "values": self.values[at].tolist(), "places": at.tolist(), "count": len(self.values), "exact": self.exact,
            "eigenvalue_max": self.largest, "eigenvalue_min": self.smallest, "pixels": self.pixels,
            "gradient_norm": self.norm, "spread": self.spread,
        }  # fmt: skip


def with_prior(rmse: float) -> float:
    """An error per pixel ([0, 1]) joined with what guessing grey gets wrong: (1 / rmse^2 + 1 / PRIOR^2)^-1/2."""
    return (1 / rmse**2 + 1 / PRIOR**2) ** -0.5 if rmse else 0.0


def lower_bound(size: float, largest: float, damping: float = 0.0) -> float:
    """|J delta| / (lambda_max + eps) <= I(delta): L2 over all pixels; size = |J delta|, damping absolute."""
    return size / (largest + damping) if largest + damping > 0 else float("inf")
