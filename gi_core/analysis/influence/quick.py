"""A spectrum, or the influence of one perturbation, in about a second: a few products of Lanczos.

One probe of stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017): depth reaches the small eigenvalues that decide
the error, further probes would not. A Gauss rule comes from below, so what is cut short promises too small an error.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from gi_core.numerics.lanczos import ShiftedSolver, tridiagonal
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import estimate, signs
from gi_core.numerics.spectrum import DAMPING, Spectrum

DEPTH, LEAST = 120, 24
"""Products of J J^T at most, and those below which nothing can be said."""


def depth(sample: Sample, seconds: float) -> int:
    """How many products the nominal seconds allow, at most `DEPTH`; 0 where they are too few to say anything.

    Counted, not timed: the same picture on the same network gives the same number on a busy machine.
    """
    most = min(DEPTH, sample.size)
    reached = min(most, int(max(0.0, seconds) / sample.product_seconds()))
    return reached if reached >= min(LEAST, most) else 0


def spectrum(sample: Sample, seconds: float) -> tuple[Spectrum, bool] | None:
    """(rough spectrum, whether it is as deep as it may be), or None where so many nominal seconds are too few for it."""
    reached = depth(sample, seconds)
    if not reached:
        return None
    values, first = tridiagonal(sample.products.jjt, signs(sample, 0), reached)
    found = estimate(sample, np.maximum(values, 0.0), first**2 * sample.size, spread=1.0)
    return found, reached == min(DEPTH, sample.size)


def influence(sample: Sample, pushed: Tensor, seconds: float) -> Tensor | None:
    """(J J^T)^-1 J delta (d,) by conjugate gradients as far as so many nominal seconds reach; None where too few."""
    most = depth(sample, seconds)
    if not most:
        return None
    shift = DAMPING * sample.largest()
    solver = ShiftedSolver(sample.products.jjt, pushed, most, lambda top: shift, eta=1e-4)
    return solver.solve(shift)
