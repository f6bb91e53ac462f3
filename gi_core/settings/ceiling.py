"""The most that any attacker can get of a clipped and noised round: picking the true picture among N. No torch.

The attacker knows everything but which of N pictures was used, each as likely as the next, and picks one by what was sent.
P_i: law of what was sent with picture i, Q: a law that is the same for all i. A_i: what makes the attacker pick i; these are
disjoint. Where the trade-off between Q and every P_i is that of N(0, 1) and N(mu, 1),

    P(right) = (1/N) sum_i P_i(A_i) <= (1/N) sum_i Phi(Phi^-1(Q(A_i)) + mu) <= Phi(Phi^-1(1/N) + mu),

the last step because the curve is concave and sum_i Q(A_i) <= 1. What is done to the update afterwards, without looking at the
pictures again, changes nothing.
- DP-SGD, every picture in every step: Q is the round without the picture, whose part of each sum is at most C against
  noise z C, so mu = 1/z for one step and sqrt(T)/z for T of them (Dong, Roth and Su, Gaussian Differential Privacy, JRSS B 2022).
- The whole update clipped to C, then normal noise sigma on every value: Q is the noise alone, and mu = C / sigma, sqrt(T) times that
  for T rounds on the same pictures.
- DP-SGD on a random share of the records in each step: P_i(A) <= e^eps Q(A) + delta(eps) for every eps, so
  P(right) <= min over eps of e^eps / N + delta(eps); delta from the accountant's privacy loss distribution.
Reconstruction robustness: Balle, Cherubin and Hayes, IEEE S&P 2022; Hayes, Mahloujifar and Balle, NeurIPS 2023.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist

from gi_core.settings import accounting
from gi_core.settings.defense_checks import conflicts
from gi_core.settings.experiment import Experiment
from gi_core.settings.noise_defenses import GaussianNoise
from gi_core.settings.privacy_defenses import Clipping, DpSgd

CANDIDATES = 200
"""Pictures to choose among where nobody says otherwise: as many as those among which a reconstruction is identified."""
NO_CEILING = "No ceiling is known: these defenses prove nothing about what another attack could get."


@dataclass(frozen=True)
class Ceiling:
    """place: of the defense whose noise counts. mu: of the comparison with N(0, 1) and N(mu, 1), infinite without noise. rate: share of the records in each step; below 1,
    the accountant's curve counts in place of mu. label_known: whether the pictures to choose among share the true one's label.
    """

    mu: float
    noise_multiplier: float = 0.0
    rate: float = 1.0
    steps: int = 1
    label_known: bool = False
    place: int = 0

    def success(self, candidates: int = CANDIDATES) -> float:
        """Largest probability of picking the true picture among so many equally likely ones, in [1 / candidates, 1]."""
        if candidates < 2 or math.isinf(self.mu):
            return 1.0
        if self.rate < 1:
            return _sampled(self.noise_multiplier, self.rate, self.steps, candidates)
        return _phi(NormalDist().inv_cdf(1 / candidates) + self.mu)

    def sentence(self, candidates: int = CANDIDATES) -> str:
        """The bound for a person."""
        most = self.success(candidates)
        alike = " of the same label" if self.label_known else ""
        among = f"among {candidates} equally likely ones{alike}"
        if most > 0.99:
            return f"The noise rules nothing out: an attacker may pick the true picture {among} every time."
        times = most * candidates
        better = "no better than guessing" if times < 1.1 else f"{_times(times)} times better than guessing"
        return f"Whatever the attack, it picks the true picture {among} at most {percent(most)} of the time: {better}."


def of(experiment: Experiment) -> Ceiling | None:
    """The ceiling of the round; None where its defenses prove none, or a part of what is sent has no noise."""
    client = experiment.client
    if experiment.recorded is not None:
        return None  # how the files were made is somebody's word
    if client.batch_norm == "train" and client.statistics == "shared" and experiment.model.has_batch_norm:
        return None
    kinds = list(experiment.defenses)
    known = experiment.attack.labels == "known"
    for place, settings in enumerate(kinds):
        if not all(d.hook != "filter_update" or d.changes == "update" for d in kinds[place:]):
            continue
        if isinstance(settings, DpSgd) and not any(conflicts(experiment)):
            found = accounting.of_round(settings, client, experiment.pictures)
            mu = math.sqrt(found.steps) / settings.noise_multiplier if settings.noise_multiplier else math.inf
            return Ceiling(mu, settings.noise_multiplier, found.rate, found.steps, known, place)
        after = kinds[place + 1] if place + 1 < len(kinds) else None
        if isinstance(settings, Clipping) and isinstance(after, GaussianNoise):
            mu = math.sqrt(client.rounds) * settings.norm / after.std if after.std else math.inf
            return Ceiling(mu, steps=client.rounds, label_known=known, place=place + 1)
    return None


@functools.lru_cache(maxsize=256)
def _sampled(noise_multiplier: float, rate: float, steps: int, candidates: int) -> float:
    """min over eps of e^eps / N + delta(eps) of `steps` Poisson-subsampled Gaussian mechanisms."""
    import dp_accounting
    from dp_accounting import pld

    # Rounded up to this grid, the curve stays a bound; finer than the loss itself needs would take minutes.
    grid = 1e-3 * max(1.0, steps / noise_multiplier**2)
    step = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise_multiplier))
    accountant = pld.PLDAccountant(value_discretization_interval=grid).compose(step, steps)
    most = math.log(candidates)
    points = [most * k / 200 for k in range(201)]
    return min(1.0, *(math.exp(e) / candidates + float(accountant.get_delta(e)) for e in points))


def measured(floor: float, low: float, high: float, draws: int) -> str:
    """What the likeliest picture got, for a person. low, high: the 95 % interval."""
    between = f"95 % interval {percent(low)} to {percent(high)}"
    return (
        f"On this network and pictures like these, the likeliest picture is the true one {percent(floor)} of the time"
        f" ({between}, {draws:,} draws of the noise): nobody does better on them."
    )


def percent(share: float) -> str:
    """A share in [0, 1] as people read it."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _times(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _phi(x: float) -> float:
    return NormalDist().cdf(x)
