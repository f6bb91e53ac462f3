"""The maximum a posteriori picture under noise of known deviation, in place of the picture that fits the update best.

For noise of variance s^2 on each value and the prior p(x) ~ exp(-sum |D x| / B - sum (x - 1/2)^2 / (2 V)), x in [0, 1]:
    min |g(x) - g*|^2 / (2 s^2) + sum |D x| / B + sum (x - 1/2)^2 / (2 V),
so a matching of |g - g*|^2 / 2 weighs total variation by s^2 / B and the squared distance from grey by s^2 / (2 V). A start
needs no better fit than |g - g*|^2 <= P s^2 for P values (discrepancy principle, Morozov 1966).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gi_core.attacks.priors import SmoothPrior

DIFFERENCE, VARIANCE = 0.2, 0.1
"""B, the mean absolute difference of neighbouring pixels, and V, the variance of a pixel about grey. Faces of 25 px have a
B of 0.1, but three attacks recovered them best with 0.2, which smooths less.
"""
SLACK = 1.1
FADING = 3.0
"""Total variation's weight where values are missing, in units of |r|^2 / d on d pixels. It vanishes with the residual, so it
does not bias what the remaining values determine, and smooths the rest: from the largest tenth of the values two pictures
came back at 28 and 37 dB, without it at 15 and 17. Ten times as much stalls.
"""

MISSING = 1.4e-4
"""The noise that L-BFGS assumes where values are missing, in units of |g*| times the values missing over those kept: its
objective must not change on the way. With half of the values pruned three faces came back at 41 to 43 dB, without it at 16
to 39.
"""


def map_prior(sigma: float, std: tuple[float, ...], total_variation: float, tikhonov: float) -> SmoothPrior:
    """The prior for a matching of |r|^2 / 2 with noise of deviation sigma on r, added to what the settings ask for.

    std: of the input normalisation, in whose units x is.
    """
    unit = sum(std) / len(std)
    return SmoothPrior(
        total_variation + sigma**2 * unit / DIFFERENCE,
        tikhonov + sigma**2 * unit**2 / VARIANCE,
    )


def fading_prior(squared: float, pixels: int, total_variation: float, tikhonov: float) -> SmoothPrior:
    """The prior for a matching at residual |r|^2 = squared, added to what the settings ask for."""
    return SmoothPrior(total_variation + FADING * squared / pixels, tikhonov)


def grey(like: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Mid-grey pictures of the shape of `like` (N, C, H, W), normalised."""
    parts = [(0.5 - m) / s for m, s in zip(mean, std, strict=True)]
    return torch.tensor(parts, dtype=like.dtype, device=like.device).view(1, -1, 1, 1).expand_as(like).clone()


def allowed(sigma: float, values: int) -> float:
    """|r|^2 up to which noise explains the residual."""
    return SLACK * values * sigma**2


def variation_weight(objective: str, sigma: float, size: float, values: int, picture: int, unit: float) -> float | None:
    """Weight of the mean absolute difference (over `picture` values) in a first-order matching of such an objective.

    size: |g*|. values: P. cosine is |r|^2 / (2 |g*|^2) near a solution, relative |r| / |g*| with |r|^2 = P s^2 there, l1
    has the slope of sqrt(2 / pi) r / s. None for an objective whose distance says too little of the likelihood.
    """
    per = {
        "l2": 2 * sigma**2,
        "cosine": (sigma / size) ** 2,
        "relative": sigma / (math.sqrt(values) * size),
        "l1": math.sqrt(2 / math.pi) * sigma,
    }.get(objective)
    return None if per is None else per * picture * unit / DIFFERENCE
