"""What the attack says of its own result, by what the attacker sees: the rank, what was open, and the error to expect."""

from __future__ import annotations

import math
from typing import Any

from gi_core.networks.tokens import Tokens

POOR = 5e-2
"""Relative misfit of the attention's equations from which the patches are not placed."""


def note(facts: dict[str, Any], tokens: Tokens, placing: bool) -> str:
    """One sentence."""
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
