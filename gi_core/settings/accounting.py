"""(epsilon, delta) of DP-SGD, by Google's dp-accounting: what a client's rounds promise each of its pictures. No torch.

T steps, each a Gaussian mechanism of noise multiplier z on a Poisson sample of rate q, composed; neighbouring data sets
differ by one picture added or removed. Renyi accounting (Mironov 2017; Mironov, Talwar and Zhang 2019), which is an upper
bound at any setting and takes milliseconds.
"""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import dataclass
from typing import TypedDict

from gi_core.settings.client import FedAvg, FedSgd
from gi_core.settings.federation import Federation
from gi_core.settings.privacy_defenses import DpSgd

MOST_SHOWN = 1e4
"""Epsilon above which nothing is promised that means anything."""


class Numbers(TypedDict):
    """A guarantee as JSON holds it; epsilon is None where it is infinite."""

    epsilon: float | None
    delta: float
    rate: float
    steps: int


@dataclass(frozen=True)
class Privacy:
    """epsilon: infinite without noise. rate: share of the records in a step. steps: over all rounds."""

    epsilon: float
    delta: float
    rate: float
    steps: int

    def numbers(self) -> Numbers:
        """The numbers as JSON holds them."""
        finite = self.epsilon if math.isfinite(self.epsilon) else None
        return {"epsilon": finite, "delta": self.delta, "rate": self.rate, "steps": self.steps}

    def sentence(self) -> str:
        """What is promised, for a person."""
        if not self.epsilon < MOST_SHOWN:
            return "No differential privacy: without noise to speak of, clipping alone promises nothing."
        strong = "" if self.epsilon <= 10 else " An epsilon above 10 promises little by itself."
        steps = "1 step" if self.steps == 1 else f"{self.steps} steps"
        share = f"{100 * self.rate:.2g} % of the records at random"
        drawn = (
            " of all records"
            if self.rate == 1
            else f", if each draws {share}"
            if self.steps > 1
            else f" that draws {share}"
        )
        return f"({_short(self.epsilon)}, {self.delta:.2g})-differential privacy of each picture over {steps}{drawn}.{strong}"


@functools.lru_cache(maxsize=256)
def epsilon(noise_multiplier: float, rate: float, steps: int, delta: float) -> float:
    """Epsilon of `steps` Poisson-subsampled Gaussian mechanisms. rate in (0, 1]. Infinite for no noise."""
    if noise_multiplier == 0:
        return math.inf
    import dp_accounting
    from dp_accounting import rdp

    step = dp_accounting.GaussianDpEvent(noise_multiplier)
    if rate < 1:
        step = dp_accounting.PoissonSampledDpEvent(rate, step)
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)  # an order that is left out makes the bound looser, never wrong
    try:
        return float(rdp.RdpAccountant().compose(step, steps).get_epsilon(delta))
    finally:
        log.setLevel(level)


def of_round(defense: DpSgd, client: FedSgd | FedAvg, pictures: int, rounds: int | None = None) -> Privacy:
    """The privacy of a client with `pictures` pictures in its rounds, which are as many as it plays here or more. rounds: replaces
    the defense's own number.
    """
    each = -(-pictures // client.clients) if isinstance(client, FedAvg) else pictures
    size, steps = each, 1
    if isinstance(client, FedAvg):
        steps, size = client.local_steps(pictures)
    records = max(defense.records or each, each)
    rate, steps = size / records, steps * (rounds or max(defense.rounds, client.rounds))
    return Privacy(epsilon(defense.noise_multiplier, rate, steps, defense.delta), defense.delta, rate, steps)


def of_federation(federation: Federation) -> Privacy | None:
    """The privacy of the client with the fewest pictures, whose steps draw the largest share, if it takes part in every round."""
    found = [d for d in federation.defenses if isinstance(d, DpSgd)]
    if not found:
        return None
    defense, fewest = found[-1], min(federation.shares)
    if isinstance(federation.client, FedSgd) and federation.batch is not None:
        defense = defense.model_copy(update={"records": max(defense.records or fewest, fewest)})
        fewest = min(federation.batch, fewest)
    return of_round(defense, federation.client, fewest, federation.rounds)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
