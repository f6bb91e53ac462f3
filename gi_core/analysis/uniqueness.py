"""Whether another picture nearby explains an update as well: the Jacobian at an answer, looked at whole.

A step t v_k along an eigenvector of J J^T moves the gradient by t sqrt(lambda_k), against an error s of each of the
update's values. The answer is known along v_k to s / sqrt(lambda_k). A direction is *free* where that is no better than guessing
grey (`spectrum.PRIOR`), or where lambda_k is what rounding makes of zero. The expected error per pixel counts what is known:

    e^2 = (1/d) sum_k min(PRIOR^2, s^2 std_k^2 / lambda_k),   PRIOR^2 where the direction is free.

It is local: a picture far away may still explain the update.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from torch import Tensor

from gi_core.numerics import jacobian_cost
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import MOST_EXACT, gram
from gi_core.numerics.spectrum import PRIOR, Array
from gi_core.settings import SpecError
from gi_core.types.updates import Knowledge

SECONDS = 3.0
"""Nominal seconds (`numerics.jacobian_cost`) that the examination may take at the end of a run."""
ROUNDING = 1e-14
"""Share of lambda_max that rounding makes of a zero eigenvalue of J J^T."""

LEAST_OVER = 20
"""Values beyond those that directions show, from which on what is left of them estimates their error."""


@dataclass(frozen=True)
class Uniqueness:
    """free: directions of `directions` along which the update does not fix the answer. expected_error: root mean square per pixel, in
    [0, 1]. null: (free, d), the free directions themselves, orthonormal in the network's units, flattest first.
    """

    free: int
    directions: int
    expected_error: float
    null: Array


def refuse(knowledge: Knowledge, x: Tensor) -> None:
    """Raises SpecError with the reason where x (N, C, H, W) cannot be examined, or not within `SECONDS`."""
    if knowledge.schedule is not None and not (knowledge.schedule.single and knowledge.schedule.clients == 1):
        raise SpecError("the round has several local steps, and the Jacobian is that of one")
    if x.numel() > MOST_EXACT:
        raise SpecError(f"the answer has {x.numel()} values, and up to {MOST_EXACT} are examined")
    dtype = next(knowledge.model.parameters()).dtype
    seconds = jacobian_cost.product_seconds(knowledge.model, x.to(dtype)) * x.numel()
    if seconds > SECONDS:
        raise SpecError(f"that would take about {seconds:.0f} s more")


def examine(knowledge: Knowledge, x: Tensor, labels: Tensor, precision: float, residual: float = 0.0) -> Uniqueness:
    """At x (N, C, H, W), normalised, with labels (N,). precision: relative error of the update. residual: what x leaves of it,
    relative: where more values were sent than directions show, it tells their error too. Raises SpecError as `refuse`.
    """
    refuse(knowledge, x)
    sample = Sample(knowledge, x, labels, "cpu")
    values, vectors = linalg.eigh(gram(sample), driver="evd", check_finite=False)
    shown = int((values > ROUNDING * values[-1]).sum())
    over = max(0, sample.parameters - shown)  # values that x was not fitted to
    seen = residual / over**0.5 if over > LEAST_OVER else 0.0
    sigma = sample.norm * max(precision / sample.parameters**0.5, seen)
    return of_values(values, vectors, knowledge.std, sample.shape, sigma)


def of_values(
    values: Array, vectors: Array, std: tuple[float, ...], shape: tuple[int, ...], sigma: float
) -> Uniqueness:
    """Of the eigenvalues (d,) of J J^T, ascending, with eigenvectors (d, d); sigma: error of each value of the update."""
    d = len(values)
    energy = (vectors**2).reshape(shape[0], shape[1], -1, d).sum((0, 2))
    scale = np.asarray(std) ** 2 @ energy
    seen = values > ROUNDING * values[-1]
    variance = np.where(seen, sigma**2 * scale / np.maximum(values, 1e-300), PRIOR**2)
    free = variance >= PRIOR**2
    error = float(np.sqrt(np.minimum(variance, PRIOR**2).sum() / d))
    return Uniqueness(int(free.sum()), d, error, vectors[:, free].T)
