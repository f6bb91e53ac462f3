"""Whether another picture nearby explains an update as well: the Jacobian at an answer, as far as it can be looked at.

A step t v_k along an eigenvector of B = D J J^T D moves what is sent by t sqrt(lambda_k), against an error s of each of its values (v_k in
pixels, `numerics.shown`). The answer is known along it to s / sqrt(lambda_k). A direction is *free* where that is no better than guessing
grey (`spectrum.PRIOR`), or where lambda_k is what rounding makes of zero. The expected error per pixel counts what is known:

    e^2 = (1/d) sum_k min(PRIOR^2, s^2 / lambda_k),   PRIOR^2 where the direction is free.

Of one gradient in single precision s is not taken for independent noise: its rounding is drawn (`numerics.rounding`). It is local: a picture far away may still explain the update. What is too large to be looked at whole is bounded (`analysis.bounded`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg
from torch import Tensor

from gi_core.analysis import bounded, cells, radius
from gi_core.analysis.free_directions import Uniqueness, count_shown, error_of_values, variances, weakest
from gi_core.numerics import jacobian_cost, rounded_fit, rounding
from gi_core.numerics.jacobian import Played
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import MOST_EXACT
from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import PRIOR, Array
from gi_core.settings import SpecError
from gi_core.types.updates import Knowledge

SECONDS = 3.0
"""Nominal seconds (`numerics.jacobian_cost`) up to which the Jacobian is looked at whole, with its eigenvectors."""
BUDGET = 15.0
"""Nominal seconds that the examination may take at the end of a run."""
LEAST = 64
"""Products of B below which nothing can be said."""


@dataclass(frozen=True)
class Seen:
    """What a server sees of a round. played: what the client sends of pictures, None for one gradient. kept: ones and zeros for each
    parameter's values, None where all were sent. scaled: whether a factor on them is unknown. gradients: that `played` takes.
    """

    played: Played | None = None
    kept: tuple[Tensor, ...] | None = None
    scaled: bool = False
    gradients: int = 1


PLAIN = Seen()


def product_seconds(knowledge: Knowledge, x: Tensor, seen: Seen = PLAIN) -> float:
    """Nominal seconds of one product of B."""
    dtype = next(knowledge.model.parameters()).dtype
    return jacobian_cost.product_seconds(knowledge.model, x.to(dtype)) * seen.gradients


def refuse(knowledge: Knowledge, x: Tensor, seen: Seen = PLAIN, budget: float = BUDGET) -> None:
    """Raises SpecError with the reason where x (N, C, H, W) cannot be examined, or not within so many nominal seconds."""
    schedule = knowledge.schedule
    if seen.played is None and schedule is not None and not (schedule.single and schedule.clients == 1):
        raise SpecError("the round has several local steps, and the Jacobian is that of one")
    seconds = product_seconds(knowledge, x, seen) * min(LEAST, x.numel())
    if seconds > budget:
        raise SpecError(f"a first look would take about {seconds:.0f} s more, and {budget:.0f} s are allowed")


def examine(
    knowledge: Knowledge, x: Tensor, labels: Tensor, precision: float, residual: float = 0.0, seen: Seen = PLAIN,
    budget: float = BUDGET,
) -> Uniqueness:  # fmt: skip
    """At x (N, C, H, W), normalised, with labels (N,). precision: relative error of the update. residual: what x leaves of it,
    relative: where more values were sent than directions show, it tells their error too. Raises SpecError as `refuse`.
    """
    refuse(knowledge, x, seen, budget)
    shown = look(knowledge, x, labels, seen)
    if x.numel() <= MOST_EXACT and product_seconds(knowledge, x, seen) * x.numel() <= SECONDS:
        values, vectors = linalg.eigh(shown.gram(), driver="evd", check_finite=False)
        sigma = error_of_values(shown, count_shown(values), precision, residual)
        ones = tuple(1.0 for _ in knowledge.std)
        found = of_values(values, vectors, ones, shown.sample.shape, sigma, shown.norm)
        if seen.played is not None or precision > rounding.ROUNDED:
            return found
        return replace(found, expected_error=_rounded(shown, found.free, residual))
    return bounded.examine(shown, product_seconds(knowledge, x, seen), budget, precision, residual)


def _rounded(shown: Shown, free: int, residual: float) -> float:
    """The expected error of one gradient in single precision, by its rounding as it is; more where an answer leaves more than that."""
    drawn = rounding.differences(shown.sample)
    sizes = [float(sum((p * p).sum() for p in shown.sent(parts))) ** 0.5 / shown.norm for parts in drawn]
    worse = max(1.0, residual / max(float(np.mean(sizes)), 1e-300))
    return rounded_fit.error(rounded_fit.weighed(shown, drawn), drawn, free, worse)


@dataclass(frozen=True)
class Alone:
    """radius: root mean square per pixel up to which an answer is the only one; None where none is given. cell: whether the network is
    piecewise linear, so that it ends at the latest where a unit switches. reason: why there is none, a clause; "" where nothing is to be said.
    """

    radius: float | None
    cell: bool = False
    reason: str = ""


def alone_within(
    knowledge: Knowledge, x: Tensor, labels: Tensor, found: Uniqueness, misfit: float, seen: Seen = PLAIN
) -> Alone:
    """How far no picture but those next to it leaves at most `misfit`, relative, of what x sends (`analysis.radius`). found: of
    `examine`. No radius where a direction is free or may be, a kink cannot be looked at (`analysis.cells`), or that takes too long.
    """
    each = product_seconds(knowledge, x, seen)
    if not found.unique or not found.weakest or seen.scaled or each * radius.PRODUCTS > SECONDS:
        return Alone(None)
    kinked, edge = not radius.smooth(knowledge.model), float("inf")
    shown = look(knowledge, x, labels, seen)
    if kinked:
        try:
            if seen.played is not None:
                raise SpecError("every local step switches units of its own")
            if each * x.numel() > SECONDS:
                raise SpecError("where its units switch would take too long to find")
            edge = cells.distance(knowledge.model, x, shown.units, knowledge.batch_norm)
        except SpecError as why:
            return Alone(None, reason=str(why))
    least, misfit = found.weakest * shown.norm / shown.size**0.5, misfit * shown.norm
    near = radius.within(shown, least, misfit, edge)
    short = "a unit switches nearer than the update's error leaves the answer open" if near is None and kinked else ""
    return Alone(near, kinked, short)


def look(knowledge: Knowledge, x: Tensor, labels: Tensor, seen: Seen = PLAIN) -> Shown:
    """What a server sees of a change of x (N, C, H, W), normalised. Raises SpecError where that has no meaning."""
    return Shown(Sample(knowledge, x, labels, "cpu", played=seen.played), seen.kept, seen.scaled)


def of_values(
    values: Array, vectors: Array, std: tuple[float, ...], shape: tuple[int, ...], sigma: float, norm: float = 1.0
) -> Uniqueness:
    """Of the eigenvalues (d,) of J J^T, ascending, with eigenvectors (d, d) in units of which std (C,) are a pixel; sigma: error of
    each value of the update, norm: its length.
    """
    d = len(values)
    energy = (vectors**2).reshape(shape[0], shape[1], -1, d).sum((0, 2))
    variance = variances(values, sigma, np.asarray(std) ** 2 @ energy)
    free = variance >= PRIOR**2
    error = float(np.sqrt(variance.sum() / d))
    return Uniqueness(int(free.sum()), d, error, vectors[:, free].T, weakest=weakest(values[0], d, norm))
