"""Two words for a picture, by one rule, wherever it is spoken of. No torch, no skimage.

What *a person would see* (docs/words.md shows how the thresholds were found, and pictures at them):

    exact      MSE < 1e-4: no eye sees a difference
    seen       SSIM >= 0.5 or PSNR >= 25 dB
    traces     SSIM >= 0.2
    not seen   the rest, what the server's prior picture is more like than the answer, and what a blank picture of the original's
               mean colour is as like: SSIM less than 0.05 above its, and PSNR less than 1 dB (a smooth original is like nothing)

and whether *a machine finds it*: of all candidate pictures the original is nearest to the answer. Neither follows from the other.
Where no SSIM was measured, PSNR >= 18 dB counts as seen: better warned too often than too seldom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gi_core.metrics.registry import METRICS

Level = Literal["exposed", "partly", "protected", "unknown"]
"""How bad: of what was measured; `unknown` where nothing was, which is never taken for the best."""

_MSE, _PSNR, _SSIM = (METRICS[name].thresholds for name in ("mse", "psnr", "ssim"))
EXACT = _MSE["exact"]
SEEN_PSNR, SEEN_SSIM = _PSNR["seen"], _SSIM["seen"]
TRACE_SSIM = _SSIM["trace"]
ABOVE_BLANK = {"ssim": 0.05, "psnr": 1.0}
"""By how much an answer must be more like the original than a blank picture of its mean colour is, in one of the two, to count."""
ALONE_PSNR = _PSNR["alone"]  # where nothing else was measured
SEEN = {"psnr": SEEN_PSNR, "ssim": SEEN_SSIM}
"""Metrics one of which makes a picture seen, and from where."""
PERSON = ("exact", "seen", "traces", "not seen")
"""What a person would see, from the most exposed to the least."""
FOUND, NOT_FOUND = "found", "not found"
"""What a machine does."""
MEANINGS = {
    "exact": "no eye tells it from the original",
    "seen": "a person would see what it shows",
    "traces": "a person would see traces, no more",
    "not seen": "a person would see nothing of it",
    FOUND: "a machine finds the original: of all candidates it is nearest",
    NOT_FOUND: "a machine does not find the original: another candidate is nearer",
}
_LEVELS: dict[str, Level] = {"exact": "exposed", "seen": "exposed", "traces": "partly", "not seen": "protected"}


@dataclass(frozen=True)
class Said:
    """The words of one picture, or of the most exposed of several.

    person: one of `PERSON`, "" where nothing was measured. machine: `FOUND`, `NOT_FOUND`, or "" where it was not measured.
    """

    person: str = ""
    machine: str = ""

    def __bool__(self) -> bool:
        return bool(self.person)

    @property
    def label(self) -> str:
        """Both, as they stand beside a score: `seen, found`."""
        return ", ".join(filter(None, (self.person, self.machine)))

    @property
    def level(self) -> Level:
        """exposed: a person sees it. partly: traces, or a machine finds it. protected: neither. unknown: nothing was measured."""
        if not self.person:
            return "unknown"
        level = _LEVELS[self.person]
        return "partly" if level == "protected" and self.machine == FOUND else level

    @property
    def meaning(self) -> str:
        """The same in whole clauses."""
        return "; ".join(MEANINGS[one] for one in (self.person, self.machine) if one)


def said(entry: Mapping[str, Any]) -> Said:
    """The words of one picture. entry: its mse, psnr, ssim, those of a blank picture (`_blank`), iip_rank and rdlv, as far as
    they were measured.
    """
    mse, psnr, ssim, rank = (entry.get(name) for name in ("mse", "psnr", "ssim", "iip_rank"))
    if mse is None and psnr is None:
        return Said()
    machine = "" if rank is None else FOUND if rank == 1 else NOT_FOUND
    if exact(entry):
        return Said("exact", machine)
    if below_prior(entry) or like_blank(entry):
        return Said("not seen", machine)
    if _seen(psnr, ssim):
        return Said("seen", machine)
    return Said("traces" if (ssim or 0.0) >= TRACE_SSIM else "not seen", machine)


def of_several(entries: Iterable[Mapping[str, Any]]) -> Said:
    """The words of the most exposed picture: the best that a person sees of any, and whether a machine finds any."""
    every = [one for one in map(said, entries) if one]
    if not every:
        return Said()
    machines = {one.machine for one in every}
    machine = FOUND if FOUND in machines else NOT_FOUND if NOT_FOUND in machines else ""
    return Said(min((one.person for one in every), key=PERSON.index), machine)


def of_row(row: Mapping[str, Any]) -> Said:
    """The words of a row of a sweep's table: those that stand in it, as its numbers are means over several pictures."""
    return Said(str(row["person"]), str(row.get("machine") or "")) if row.get("person") else said(row)


def exact(entry: Mapping[str, Any]) -> bool:
    """Whether no eye sees a difference; by PSNR where the mean squared error does not stand beside it."""
    mse, psnr = entry.get("mse"), entry.get("psnr")
    if mse is None:
        return psnr is not None and 10 ** (-psnr / 10) < EXACT
    return bool(mse < EXACT)


def below_prior(entry: Mapping[str, Any]) -> bool:
    """Whether the prior picture, which the server had before, is more like the original (RDLV below 0).

    Never where the answer is exact or finds its original among others: that the server did not have before.
    """
    value = entry.get("rdlv")
    return value is not None and value < 0 and not exact(entry) and entry.get("iip_rank") != 1


def like_blank(entry: Mapping[str, Any]) -> bool:
    """Whether a blank picture of the original's mean colour is as like it, by every measure that was taken of both."""
    pairs = ((entry.get(name), entry.get(f"{name}_blank"), least) for name, least in ABOVE_BLANK.items())
    above = [value >= blank + least for value, blank, least in pairs if value is not None and blank is not None]
    return bool(above) and not any(above)


def _seen(psnr: float | None, ssim: float | None) -> bool:
    if ssim is None:
        return psnr is not None and psnr >= ALONE_PSNR
    return ssim >= SEEN_SSIM or (psnr is not None and psnr >= SEEN_PSNR)
