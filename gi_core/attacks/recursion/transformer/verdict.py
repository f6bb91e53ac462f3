"""What the attack says of its own result, by what the attacker sees: the rank, what was open, and the error to expect."""

from __future__ import annotations

import math
from typing import Any

from gi_core.attacks.recursion.transformer.completing import FILLED
from gi_core.attacks.recursion.transformer.separating import CLEAR_CUT, CLEAR_GAP
from gi_core.networks.tokens import Tokens

POOR = 5e-2
"""Relative misfit of the attention's equations from which the patches are not placed, and of a batch's gradient."""
FOUND = 1e-3
"""Relative misfit below which pictures of a search are believed: poor likenesses reach a hundredth."""


def of_one(facts: dict[str, Any], tokens: Tokens, placing: bool) -> str:
    """One sentence on one picture."""
    count = tokens.count
    if placing:
        words = f"{count} patches were placed by the first attention, to a misfit of {facts['misfit']:.1e}"
        if facts["open"]:
            return f"{words}: {facts['open']} directions of each patch stay open"
        return f"{words}: they are not to be trusted" if facts["misfit"] > POOR else words
    begin = f"the positions' gradient gives {count} patches"
    if facts["open"]:
        return f"{begin}, but for {facts['open']} directions, which were filled in by smoothness"
    return f"{begin}: an error of {-20 * math.log10(max(facts['error'], 1e-16)):.0f} dB is expected"


def filled_in(facts: dict[str, Any]) -> bool:
    """Whether values that were cleared are known: the kept ones are fitted to their own rounding, and none was told by smoothness."""
    return facts["filled"] <= FILLED and not facts["vague"]


def of_filled(facts: dict[str, Any], tokens: Tokens) -> str:
    """One sentence on one picture whose cleared values were filled in."""
    words = f"{facts['share']:.0%} of what gives {tokens.count} patches was cleared and filled in from the rest"
    if facts["filled"] > FILLED:
        return f"{words}, which they do not fit: they are not to be trusted"
    smooth = f"; {facts['vague']:.1%} of their values were told by smoothness" if facts["vague"] else ""
    return f"{words}: an error of {-20 * math.log10(max(facts['error'], 1e-16)):.0f} dB is expected{smooth}"


def believed(facts: dict[str, Any]) -> bool:
    """Whether the attacker takes a batch for separated: by gap, cut and places, and by the gradient where it can be replayed."""
    replayed = facts.get("replayed")
    clear = facts["gap"] < CLEAR_GAP and facts["spread"] < CLEAR_CUT and facts["misfit"] < POOR and not facts["open"]
    return clear and (replayed is None or replayed < POOR)


def of_batch(facts: dict[str, Any], pictures: int) -> str:
    """One sentence on pictures that were told apart, or not."""
    replayed = facts.get("replayed")
    proof = (
        "no labels were read, so their gradient is not compared"
        if replayed is None
        else f"their gradient differs from the update by {replayed:.1e} of it"
    )
    words = f"{pictures} pictures, told apart to {facts['spread']:.0e}; {proof}"
    return words if believed(facts) else f"{words}: they are not to be trusted"


def of_search(replayed: float, pictures: int, why: str) -> str:
    """One sentence on pictures that were searched for. replayed: relative misfit of their round."""
    words = (
        f"{pictures} pictures, searched for among those that the equations allow, as {why}; their round differs from the"
        f" update by {replayed:.1e} of it"
    )
    return words if replayed < FOUND else f"{words}: they are not to be trusted"


def of_preview(pictures: int, why: str) -> str:
    """One sentence on the picture that stands for all."""
    return f"a preview, no reconstruction: one picture, the smoothest that fits each of the {pictures}; {why}"
