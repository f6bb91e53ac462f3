"""What an ensemble tried, as rows that a page, a report and a terminal share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gi_core.settings import ATTACKS
from gi_core.settings.ceiling import percent
from gi_core.types.attacker_parts import Tried

SIGNS = {"tried": "✓", "at work": "▸", "refused": "–", "not needed": "·"}
RAN = ("tried", "at work")
LITTLE = 1e-5
"""Share of an update below which no number is read."""
VERDICTS = {
    "exact": "the attack itself holds its answer for exact",
    "partial": "the attack itself holds its answer for right in part",
    "nothing": "the attack itself relies on nothing of its answer",
}
"""What the attack says of its own answer, by its own evidence."""
HEAD = ("Attack", "Unexplained", "Seconds", "Why")


@dataclass(frozen=True)
class Row:
    """title: of the attack. best: whether its answer is the one that was kept. left: share of the update that its answer leaves
    unexplained, in words. share: of all seconds, in [0, 1]. why: it was tried, refused or not needed.
    """

    title: str
    sign: str
    state: str
    best: bool
    left: str
    seconds: float
    share: float
    why: str


def rows(tried: Sequence[Tried]) -> list[Row]:
    """In the order in which they came. The best is the last that was the best when it ended."""
    whole = sum(one["seconds"] for one in tried) or 1.0
    best = max((i for i, one in enumerate(tried) if one["best"]), default=None)
    return [
        Row(
            ATTACKS[one["kind"]].title if one["kind"] in ATTACKS else one["kind"], SIGNS.get(one["state"], "?"), one["state"],
            i == best, left(one), one["seconds"], one["seconds"] / whole, _why(one),
        )
        for i, one in enumerate(tried)
    ]  # fmt: skip


def left(one: Tried) -> str:
    """How much of the update an answer leaves, in words."""
    if one["state"] != "tried":
        return one["state"]
    if one["residual"] is None:
        return "cannot be told"
    return percent(one["residual"]) if one["residual"] >= LITTLE else f"below {100 * LITTLE:g} %"


def _why(one: Tried) -> str:
    if one["state"] not in RAN:
        return one["why"]
    steps = f"{one['steps']} step" + ("" if one["steps"] == 1 else "s")
    return f"{one['why']}; {steps}" + (f", {one['note']}" if one["note"] else "")


def lines(tried: Sequence[Tried]) -> list[str]:
    """One sentence for each, as Python's `result.tried` has it."""
    best = max((i for i, one in enumerate(tried) if one["best"]), default=None)
    return [
        f"{one['kind']}: {left(one)} of the update left unexplained, in {one['seconds']:.1f} s"
        + (", kept" if i == best else "")
        if one["state"] == "tried"
        else f"{one['kind']}: {one['state']}, {one['why']}"
        for i, one in enumerate(tried)
    ]
