"""What the attack says of its own result, by what the attacker sees: where the equations ended, and the misfit."""

from __future__ import annotations

from gi_core.attacks.recursion.residual.going import Halted
from gi_core.settings.residual_chain import ResidualNet

EXACT, CLEAR, ROUGH = 1e-6, 1e-2, 5e-2
"""Misfit of the first layer's output: every window's winner was found; nearly all; a likeness is there."""


def note(net: ResidualNet, halted: Halted | None, misfit: float) -> str:
    """One sentence."""
    if halted is not None and misfit == float("inf"):
        return f"nothing was recovered: the equations contradict each other at {halted.reason}"
    if halted is not None:
        passed = len(net.blocks) - 1 - halted.at
        return (
            f"{passed} of {len(net.blocks)} blocks were exact, down to {halted.reason}; the picture was searched from there"
            f" and explains what is known to {misfit:.1e}"
        )
    begin = f"every block was exact, and the picture explains the first layer's output to {misfit:.1e}"
    if misfit < (EXACT if net.pool is not None else CLEAR):  # without pooling there are no winners to miss
        return f"{begin}: it is the client's picture up to rounding"
    if misfit < CLEAR:
        return f"{begin}: a few winners of the pooling were not found"
    return f"{begin}: " + ("many winners of the pooling were not found" if misfit < ROUGH else "the search failed")
