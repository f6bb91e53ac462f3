"""After how many rounds a client that trains on the same pictures is exposed: the rank of its updates' Jacobians, stacked.

Round t sends g_t = g(x; theta_t) at weights that the server knows, with an error s_t of each value. Together T rounds tell of x

    F_T = sum_{t <= T} J_t J_t^T / s_t^2,   J_t = (dg_t / dx)^T,

whose eigenvalues say how precisely each direction of the pictures is known (`analysis.uniqueness`, with s = 1): rounds at other
weights show other directions, and rounds at the same weights average their errors, as 1 / sqrt(T). The pictures are *exact* from the first round on after
which no direction is free and the expected error is below one grey level of 255. Like every Jacobian it is local.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

import torch
from scipy import linalg
from torch import Tensor, nn

from gi_core.analysis import uniqueness
from gi_core.analysis.uniqueness import Uniqueness
from gi_core.common.progress import Progress, silent
from gi_core.numerics import jacobian_cost, rounded_fit, rounding
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import MOST_EXACT, gram
from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import Array
from gi_core.settings import SpecError
from gi_core.types.exposure import Exposure, ExposureRound, sentence
from gi_core.types.updates import Knowledge

EXACT = 1 / 255
"""Root mean square error per pixel, in [0, 1], below which a picture counts as exact."""
NOTHING = "a round's gradient is zero everywhere, so it shows nothing: choose other weights or fewer rounds"
SECONDS = 120.0
"""Nominal seconds (`numerics.jacobian_cost`) that all rounds may take."""


@dataclass(frozen=True)
class Told:
    """What one or more rounds tell. information: F (d, d). std, shape: of the pictures."""

    information: Array
    std: tuple[float, ...]
    shape: tuple[int, ...]

    def plus(self, other: Told) -> Told:
        """Both together."""
        return Told(self.information + other.information, self.std, self.shape)

    def known(self) -> Uniqueness:
        """How much of the pictures that fixes."""
        values, vectors = linalg.eigh(self.information, driver="evd", check_finite=False)
        return uniqueness.of_values(values, vectors, self.std, self.shape, 1.0)


def told(sample: Sample, sigma: float) -> Told:
    """By one round, whose values each have an error sigma. Raises SpecError where it sends nothing."""
    if not sigma > 0:
        raise SpecError(NOTHING)
    return Told(gram(sample) / sigma**2, tuple(sample.knowledge.std), tuple(sample.shape))


def rounded(sample: Sample) -> Told:
    """By one round that works out and sends its gradient in single precision: s is the root mean square of what that takes from a
    value's own tensor (`numerics.rounding`), as small tensors are rounded as finely as large ones, and at least the rounding of the
    value itself. Raises SpecError where it sends nothing.
    """
    if not sample.norm > 0:
        raise SpecError(NOTHING)
    ones = tuple(1.0 for _ in sample.knowledge.std)  # what is shown is in pixels
    return Told(rounded_fit.weighed(Shown(sample), rounding.differences(sample)).gram(), ones, tuple(sample.shape))


def refuse(knowledge: Knowledge, x: Tensor, rounds: int, most: float = SECONDS) -> None:
    """Raises SpecError where the rounds on x (N, C, H, W) cannot be measured, or not within `most` nominal seconds."""
    if x.numel() > MOST_EXACT:
        raise SpecError(
            f"rounds are measured for pictures of up to {MOST_EXACT} values, not {x.numel()}: choose a smaller size"
        )
    dtype = next(knowledge.model.parameters()).dtype
    seconds = rounds * jacobian_cost.product_seconds(knowledge.model, x.to(dtype)) * x.numel()
    if seconds > most:
        raise SpecError(
            f"measuring {rounds} rounds would take about {seconds:.0f} s: choose fewer rounds, a smaller size or network"
        )


def until_exposed(
    knowledge: Knowledge, x: Tensor, labels: Tensor, rounds: int, rate: float, sigma: float | None = None,
    seconds: float = SECONDS, progress: Progress = silent,
) -> Exposure:  # fmt: skip
    """What up to `rounds` rounds on x (N, C, H, W), normalised, with labels (N,) tell, each a step of `rate` down the gradient.

    It ends with the first round after which the pictures are exact. sigma: error of each value, else that of single precision (`rounded`).
    Raises SpecError as `refuse`, and where the network has no Jacobian.
    """
    refuse(knowledge, x, rounds, seconds)
    so_far, found = None, []
    for number, sample in enumerate(_trajectory(knowledge, x, labels, rate, rounds), 1):
        progress((number - 1) / rounds, f"measuring round {number} of {rounds}")
        new = rounded(sample) if sigma is None else told(sample, sigma)
        so_far = new if so_far is None else so_far.plus(new)
        found.append(row(number, so_far.known()))
        if found[-1]["exact"]:
            break
    return of_rows(found, x.numel(), rounds, rate)


def examine(knowledge: Knowledge, x: Tensor, labels: Tensor, precision: float) -> Uniqueness:
    """As `uniqueness.examine`, of all rounds that are known of; precision: relative error of each update. Raises SpecError."""
    rounds = [*(e.knowledge for e in knowledge.earlier), knowledge]
    refuse(knowledge, x, len(rounds), uniqueness.SECONDS)
    samples = [Sample(one, x, labels, "cpu") for one in rounds]
    found = [told(one, precision * one.norm / one.parameters**0.5) for one in samples]
    return reduce(Told.plus, found).known()


def row(number: int, known: Uniqueness) -> ExposureRound:
    """What is known after so many rounds."""
    assert known.expected_error is not None  # as all eigenvalues are known
    exact = known.free == 0 and known.expected_error < EXACT
    rank = known.directions - known.free
    return {"rounds": number, "rank": rank, "expected_error": known.expected_error, "exact": exact}


def of_rows(rows: list[ExposureRound], directions: int, asked: int, rate: float | None = None) -> Exposure:
    """The answer over what is known after each round."""
    exact = next((r["rounds"] for r in rows if r["exact"]), None)
    said = sentence(rows, directions, exact, asked)
    return {
        "directions": directions, "asked": asked, "rate": rate, "exact_after": exact, "rounds": rows, "sentence": said,
    }  # fmt: skip


def _trajectory(knowledge: Knowledge, x: Tensor, labels: Tensor, rate: float, rounds: int) -> Iterator[Sample]:
    """The Jacobians of each round. Raises SpecError where the steps lead nowhere."""
    for _ in range(rounds):
        sample = Sample(knowledge, x, labels, "cpu")
        yield sample
        knowledge = replace(knowledge, model=_stepped(sample, rate))


@torch.no_grad()
def _stepped(sample: Sample, rate: float) -> nn.Module:
    """The network after a step down the gradient, rounded to single precision as what a server sends."""
    model = copy.deepcopy(sample.knowledge.model).float()
    for p, g in zip(model.parameters(), sample.products.value, strict=True):
        p.sub_((rate * g).to(p))
        if not bool(torch.isfinite(p).all()):
            raise SpecError("the rounds diverge: choose a smaller step size")
    return model
