"""What was found of a deployment: how exposed, what each measure changes, and one sentence of advice where it is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.deployment.cases import positions, unplayed
from gi_core.deployment.outcome import Outcome, exposure, outcome
from gi_core.deployment.questions import Deployment
from gi_core.deployment.sentences import advice, beside, limits, said, unknown
from gi_core.metrics.words import Level

_ORDER: tuple[Level, ...] = ("exposed", "partly", "protected", "unknown")


@dataclass(frozen=True)
class Finding:
    """level: of the worst threat that applies. exposure: its share of updates seen, for an order. head, text: the first sentences.
    advice: one sentence, "" where no measure changed more than chance. limits: what all rests on.
    """

    level: Level
    exposure: float
    head: str
    text: str
    outcomes: tuple[Outcome, ...]
    advice: str
    limits: tuple[str, ...]
    over: bool

    @property
    def threats(self) -> list[Outcome]:
        """As described, without a measure."""
        return [one for one in self.outcomes if not one.case.measure]


def found(asked: Deployment, rows: Sequence[dict[str, Any]], price: Sequence[dict[str, Any]] | None = ()) -> Finding:
    """What follows from a sweep's rows (`experiments.sweeps.table.records` of `cases.question`). price: rows of `cases.costs`; None while
    they are measured.
    """
    outcomes = tuple(outcome(case, [rows[k] for k in where if k < len(rows)]) for case, where in positions(asked))
    threats = [one for one in outcomes if not one.case.measure]
    over = not any(one.waiting for one in outcomes)
    level = min((one.level for one in threats), key=_ORDER.index)
    if level != "exposed" and (any(one.level == "unknown" for one in threats) or unplayed(asked)):
        level = "unknown"  # what could not be measured is never called safe
    worst = min(threats, key=lambda one: (_ORDER.index(one.level), -exposure(one)))
    head, text = said(level, worst, over)
    text += beside(worst, threats) + unknown(asked)
    return Finding(
        level,
        exposure(worst),
        head,
        text,
        outcomes,
        advice(outcomes, price) if over else "",
        tuple(limits(asked)),
        over,
    )
