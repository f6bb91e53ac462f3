"""What became of each member, as its row of the timeline."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gi_core.attacks.base import Step
from gi_core.attacks.ensemble.evidence import Found
from gi_core.attacks.ensemble.members import Member
from gi_core.types.attacker_parts import Tried


def passed(kind: str, why: str, refused: bool) -> Tried:
    """A member that was not run."""
    return {
        "kind": kind, "state": "refused" if refused else "not needed", "why": why.removeprefix("not needed: "), "seconds": 0.0, "steps": 0,
        "evaluations": 0.0, "residual": None, "score": None, "best": False, "note": "",
    }  # fmt: skip


def ended(
    member: Member, found: Found, step: Step, steps: int, evaluations: float, seconds: float, best: bool
) -> Tried:  # fmt: skip
    """A member that was run to its end, or to that of its share of the budget."""
    return {
        "kind": member.kind, "state": "tried", "why": member.why, "seconds": seconds, "steps": steps,
        "evaluations": evaluations, "residual": found.residual, "score": found.score if math.isfinite(found.score) else None,
        "best": best, "note": step.note or "its share of the budget is spent",
    }  # fmt: skip


def at_work(member: Member, steps: int, evaluations: float, seconds: float) -> Tried:
    """The member that is being run."""
    return {
        "kind": member.kind, "state": "at work", "why": member.why, "seconds": seconds, "steps": steps, "evaluations": evaluations,
        "residual": None, "score": None, "best": False, "note": "",
    }  # fmt: skip


def none_applies(tried: Sequence[Tried]) -> str:
    """Why nothing at all could be run."""
    reasons = {str(one["why"]): str(one["kind"]) for one in reversed(tried)}
    return "no attack applies here: " + "; ".join(f"{kind}: {why}" for why, kind in reversed(reasons.items()))


__all__ = ["Tried", "at_work", "ended", "none_applies", "passed"]
