"""What an answer says at a noise level: all of it interpolated, so that a slider needs no worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gi_core.analysis.risk import EXPOSED
from gi_core.numerics.spectrum import PRIOR
from gi_core.types.influence import Analysed, Influence, Unknown
from pages.shared import words

SIGNS = {"exposed": "●", "partly": "◐", "protected": "○", "failed": "✕"}
WORDS = {
    "exposed": "exposed",
    "partly": "partly exposed",
    "protected": "protected at this noise",
    "failed": "could not be analysed",
}


@dataclass(frozen=True)
class Reading:
    """One picture of an answer. number: its place in the answer. found: the worker's object."""

    number: int
    found: Analysed | Unknown

    @property
    def ref(self) -> str:
        return str(self.found["sample"])

    @property
    def name(self) -> str:
        if self.ref.startswith("folder:"):
            path, _, key = self.ref.rpartition(":")
            return f"{path.rpartition('/')[2]} {key}"
        return words.sample_name(self.ref)

    @property
    def class_name(self) -> str:
        return str(self.found.get("class_name") or self.found.get("label"))

    @property
    def error(self) -> str | None:
        """Why there are no numbers, one sentence."""
        return self.found["error"] if "error" in self.found else None

    @property
    def numbers(self) -> Analysed:
        """What was worked out, of a picture without an error."""
        assert "error" not in self.found
        return self.found

    @cached_property
    def _curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        curve = self.numbers["curve"]
        columns = [np.array(c, float) for c in (curve["noise_std"], curve["rmse"], curve["rmse_with_prior"])]
        good = np.isfinite(columns[1]) & (columns[1] > 0)
        return tuple(np.log(np.maximum(column[good], 1e-300)) for column in columns)

    @property
    def _unit(self) -> float:
        """log of the error without a prior at noise 1: it grows in proportion to the noise."""
        sigma, rmse, _ = self._curve
        return float(np.median(rmse - sigma)) if len(sigma) else np.inf

    def rmse(self, sigma: float) -> float:
        """Predicted error per pixel ([0, 1]) of an attacker without a picture prior."""
        return float(np.exp(self._unit + np.log(sigma)))

    def with_prior(self, sigma: float) -> float:
        """The same with a pixel prior; never above guessing grey."""
        at, _, rmse = self._curve
        return float(np.exp(np.interp(np.log(sigma), at, rmse))) if len(at) else PRIOR

    def noise_for(self, rmse: float) -> float:
        """The noise at which an attacker without a prior errs so much."""
        return float(np.exp(np.log(rmse) - self._unit))

    def noise_for_with_prior(self, rmse: float) -> float:
        """The same for one with a prior; inf where guessing alone is better than that."""
        at, _, known = self._curve
        if rmse >= PRIOR or not len(at) or np.log(rmse) > known[-1]:
            return float("inf")
        return float(np.exp(np.interp(np.log(rmse), known, at)))

    @property
    def spread(self) -> float:
        """Relative standard error of the predicted RMSE (of its square, halved); 0 when the spectrum is exact."""
        return (self.numbers.get("relative_error") or 0.0) / 2

    def level(self, sigma: float) -> str:
        """exposed, partly, protected or failed."""
        if self.error:
            return "failed"
        rmse = self.rmse(sigma)
        return "exposed" if rmse < EXPOSED else "partly" if rmse < PRIOR else "protected"


def readings(answer: Influence | None) -> list[Reading]:
    """All pictures of an answer, in the order asked."""
    return [Reading(k, found) for k, found in enumerate(answer["samples"] if answer else ())]


def ranked(found: Sequence[Reading]) -> list[Reading]:
    """Most exposed first; those without numbers last. The order is the same at every noise level."""
    return sorted(found, key=lambda r: (bool(r.error), 0.0 if r.error else r.rmse(1.0)))


def by_class(found: Sequence[Reading]) -> dict[str, list[Reading]]:
    """Pictures with numbers, by class."""
    classes: dict[str, list[Reading]] = {}
    for one in found:
        if not one.error:
            classes.setdefault(one.class_name, []).append(one)
    return classes


def sentence(found: Sequence[Reading], sigma: float) -> tuple[str, str, str]:
    """(level of the worst case, what is to be expected in a few words, the sentence)."""
    good = [one for one in ranked(found) if not one.error]
    if not good:
        return "failed", "Nothing can be said", "None of these pictures could be analysed."
    worst = good[0]
    level, rmse, prior = worst.level(sigma), worst.rmse(sigma), worst.with_prior(sigma)
    count = {name: sum(one.level(sigma) == name for one in good) for name in WORDS}
    heads = {
        "exposed": f"{count['exposed']} of {len(good)} pictures would come back almost perfectly",
        "partly": f"{count['partly']} of {len(good)} pictures would come back as a noisy likeness",
        "protected": "The noise drowns " + ("the picture" if len(good) == 1 else f"all {len(good)} pictures"),
    }
    if len(good) == 1:
        heads |= {
            "exposed": "The picture would come back almost perfectly",
            "partly": "A noisy likeness would come back",
        }
    text = (
        f"{worst.name} is the most exposed: matching alone would be off by about {short(rmse)} per pixel,"
        f" an attacker who knows what pictures look like by {short(prior)} or less."
    )
    if level == "protected":
        text = (
            f"Even for {worst.name}, the most exposed, matching alone would be off by more than guessing plain grey"
            f" ({PRIOR:g} per pixel). An attacker who knows what pictures look like may still do better."
        )
    return level, heads[level], text


def short(value: float) -> str:
    """An error or a noise level for people: 0.12, 0.0034, 2e-7."""
    if not np.isfinite(value):
        return "∞"
    return f"{value:.2g}" if value >= 1e-3 else f"{value:.1e}".replace("e-0", "e-")


def times(factor: float) -> str:
    """A factor for people: 3.4, 511, 2e+06."""
    return f"{factor:.0f}" if 10 <= factor < 1e5 else f"{factor:.2g}"
