"""What a server that hides what it prepared shows its clients, against what still comes back: measured, and kept. No torch.

A softened server adds random numbers to its rows, `softness` times their size. The more it adds, the lower the score of
`analysis.model_check`, which notices from 1 on, and the fewer pictures come back. `benchmarks/stealth.py` measures and writes the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("stealth.json")


@dataclass(frozen=True)
class Measured:
    """server: its kind. softness: |added| / |row|. score: what the client sees, 1 and more is noticed; check: by which. back: private
    pictures that came back above 25 dB, a mean over batches, of `of` that it could get; low, high: its 95 % interval. psnr: of the
    best of a batch, in dB, the median over batches. batches: that were measured.
    """

    server: str
    softness: float
    score: float
    check: str
    back: float
    low: float
    high: float
    of: int
    psnr: float
    batches: int

    @property
    def share(self) -> float:
        """Share of the pictures that came back."""
        return self.back / self.of

    @property
    def noticed(self) -> bool:
        return self.score >= 1


@cache
def measured() -> tuple[Measured, ...]:
    """Every server by growing softness."""
    return tuple(Measured(**row) for row in json.loads(FILE.read_text(encoding="utf-8")))


def escapes(server: str) -> Measured | None:
    """Where most comes back of a server of this kind that is not noticed; None where nothing does."""
    unseen = [m for m in measured() if m.server == server and not m.noticed and m.back]
    return max(unseen, key=lambda m: m.back, default=None)


def sentence(server: str) -> str:
    """What hiding is worth to a server of this kind."""
    best = escapes(server)
    if best is None:
        return "However softly it did this, a client that looks noticed it, or nothing came back"
    return (
        f"A client that looks does not notice it at softness {best.softness:g}, where {best.back:.2g} of {best.of} pictures still came"
        f" back ({best.low:.2g} to {best.high:.2g} at 95 %, {best.batches} batches)"
    )
