"""A spectrum, or the influence of one perturbation, in about a second: Lanczos on the pixels, cut short.

One probe of stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017): depth reaches the small eigenvalues that decide
the error, further probes would not. A Gauss rule comes from below, so what is cut short promises too small an error.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from gi_core.analysis.influence.jacobian import Sample
from gi_core.analysis.influence.spectrum import DAMPING, Array, Spectrum
from gi_core.attacks.lanczos import ShiftedSolver, tridiagonal
from gi_core.attacks.trials import generator

DEPTH, LEAST = 120, 24
"""Products of J J^T at most, and those below which nothing can be said."""


def spectrum(sample: Sample, seconds: float) -> tuple[Spectrum, bool] | None:
    """(rough spectrum, whether it was left to end), or None where so many seconds are too few for it."""
    signs = torch.randint(0, 2, (sample.size,), generator=generator(0, 1, 0)).to(sample.products.x) * 2 - 1
    sample.products.jjt(signs)  # the first product of a process is slow
    ends = time.perf_counter() + seconds

    def late(theta: Array, k: int) -> bool:
        return time.perf_counter() > ends

    depth = min(DEPTH, sample.size)
    values, first = tridiagonal(sample.products.jjt, signs, depth, late, every=8)
    cut = len(values) < depth and time.perf_counter() > ends
    if cut and len(values) < LEAST:
        return None
    channels = sample.shape[1]
    even = np.full((channels, len(values)), 1 / channels)
    made = Spectrum(
        np.maximum(values, 0.0), first**2 * sample.size, even, tuple(sample.knowledge.std), False, sample.norm,
        sample.parameters, 1.0,
    )  # fmt: skip
    return made, not cut


def influence(sample: Sample, pushed: Tensor, seconds: float) -> Tensor | None:
    """(J J^T)^-1 J delta (d,) by conjugate gradients as far as so many seconds reach; None where they are too few."""
    sample.products.jjt(pushed)
    began = time.perf_counter()
    sample.products.jjt(pushed)
    most = int(seconds / max(time.perf_counter() - began, 1e-9))
    if most < LEAST:
        return None
    shift = DAMPING * sample.largest()
    solver = ShiftedSolver(sample.products.jjt, pushed, min(most, DEPTH, sample.size), lambda top: shift, eta=1e-4)
    return solver.solve(shift)
