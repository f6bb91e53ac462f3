"""What the ensemble says of its own answer, without the private picture: exact, partial or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gi_core.attacks.ensemble.evidence import Evidence

Word = Literal["exact", "partial", "nothing"]


@dataclass(frozen=True)
class Verdict:
    word: Word
    sentence: str
    error: float | None = None


def verdict(best: dict[str, Any] | None, evidence: Evidence) -> Verdict:
    if best is None:
        return Verdict("nothing", "nothing: no attack has ended")
    r = best["residual"]
    word: Word = "nothing" if r is None or r > 0.5 else "exact" if r < 1e-3 else "partial"
    return Verdict(word, f"{word}: {best['kind']} leaves {r} of the update")
