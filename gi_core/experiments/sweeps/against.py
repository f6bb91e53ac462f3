"""Answers beside their standing controls: what an attack gets without the update is not what the update gave away. No torch.

An answer counts as the update's where its SSIM exceeds that of every control of the same attack and picture by more than `least` of
the registry; below, the attack makes as much of noise, of another client's update, or of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.metrics.registry import METRICS
from gi_core.settings.controls import CONTROLS
from gi_core.settings.registry import ATTACKS

LEAST = METRICS["ssim"].thresholds["least"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Against:
    """One attack on one picture. best: the control that got most, and its SSIM. above: answers that got more than it, of `total`.

    plausible: whether what it makes of noise is as smooth and as varied as a picture; None where that was not measured.
    """

    attack: str
    best: str
    ssim: float
    above: int
    total: int
    plausible: bool | None = None

    @property
    def sentence(self) -> str:
        """The same for a person."""
        title = ATTACKS[self.attack].title if self.attack in ATTACKS else self.attack
        made = " What it makes of noise looks like a picture, and is none of anybody's." if self.plausible else ""
        share = f"{self.above} of {self.total} answers are above that"
        if self.total == 1:
            share = "the answer is above that" if self.above else "the answer is no better"
        return (
            f"{title}: without the update it gets SSIM {self.ssim:.2f} at best ({CONTROLS[self.best][0].partition(': ')[2]});"
            f" {share}.{made}"
        )


def is_control(row: Row) -> bool:
    """Whether a row of a sweep's table is a standing control."""
    return (row.get("control") or "none") != "none"


def without_controls(rows: Iterable[Row]) -> list[Any]:
    """The rows that speak of the client's own update."""
    return [row for row in rows if not is_control(row)]


def against(rows: Sequence[Row]) -> list[Against]:
    """Every attack and picture of the rows that has a control which has ended, in order of first appearance."""
    groups: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.get("attack"), row.get("samples")), []).append(row)
    return [found for (attack, _), group in groups.items() if (found := _one(str(attack), group)) is not None]


def sentences(rows: Sequence[Row]) -> str:
    """All of them, "" where there is no control."""
    return " ".join(one.sentence for one in against(rows))


def told(rows: Sequence[Row]) -> str:
    """The same in one line for many answers: `lines`, one after the other."""
    return " ".join(lines(rows))


def lines(rows: Sequence[Row]) -> list[str]:
    """A line for each attack: the best control of any picture, and how many answers are above their own."""
    groups: dict[str, list[Against]] = {}
    for one in against(rows):
        groups.setdefault(one.attack, []).append(one)
    return [_together(attack, found) for attack, found in groups.items()]


def _together(attack: str, found: Sequence[Against]) -> str:
    title = ATTACKS[attack].title if attack in ATTACKS else attack
    best = max(found, key=lambda one: one.ssim)
    made = "; what it makes of noise looks like a picture" if any(one.plausible for one in found) else ""
    share = f"{sum(one.above for one in found)} of {sum(one.total for one in found)} answers are above their controls"
    return f"{title}: SSIM {best.ssim:.2f} at best without the update, {share}{made}."


def above(ssim: float | None, control: float) -> bool:
    """Whether an answer shows more than its control."""
    return ssim is not None and ssim > control + LEAST


def _one(attack: str, group: Sequence[Row]) -> Against | None:
    controls = [row for row in group if is_control(row) and row.get("ssim") is not None]
    answers = [row for row in without_controls(group) if row.get("ssim") is not None]
    if not controls or not answers:
        return None
    best = max(controls, key=lambda row: row["ssim"])
    noise = next((row for row in controls if row["control"] == "noise"), None)
    return Against(
        attack, best["control"], best["ssim"], sum(above(row["ssim"], best["ssim"]) for row in answers), len(answers),
        noise.get("plausible") if noise else None,
    )  # fmt: skip
