"""What an ensemble tried, as rows that a page, a report and a terminal share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gi_core.settings import ATTACKS
from gi_core.types.result_parts import Tried

SIGNS = {"tried": "✓", "refused": "–", "not needed": "·"}
LITTLE = 1e-5
"""Share of an update below which no number is read."""
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
    return f"{100 * one['residual']:.2g} %" if one["residual"] >= LITTLE else f"below {100 * LITTLE:g} %"


def _why(one: Tried) -> str:
    if one["state"] != "tried":
        return one["why"]
    steps = f"{one['steps']} step" + ("" if one["steps"] == 1 else "s")
    return f"{one['why']}; {steps}, {one['note']}"


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
