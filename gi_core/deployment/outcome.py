"""What came of one case: how many updates gave a picture away, and what is known of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.deployment.cases import Case
from gi_core.metrics.intervals import wilson
from gi_core.metrics.words import Level, of_row
from gi_core.settings.client_base import SENDS_NOTHING


@dataclass(frozen=True)
class Outcome:
    """One case. measured: updates that ended with a picture or were refused by the client. seen: of which a person would see a
    picture, or that no eye tells apart. traces: of which traces, or that a machine finds. kept: that the client refused to send.
    """

    case: Case
    asked: int
    measured: int
    seen: int
    traces: int
    kept: int
    waiting: int
    failed: int
    best: str
    why: str

    @property
    def level(self) -> Level:
        if not self.measured:
            return "unknown"
        return "exposed" if self.seen else "partly" if self.traces else "protected"

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the share of updates that give a picture away, at 95 %."""
        return wilson(self.seen, self.measured) if self.measured else None

    @property
    def share(self) -> str:
        """The count with its interval, in words."""
        if self.interval is None:
            return self.why or ("not measured yet" if self.waiting else "not measured")
        low, high = self.interval
        kept = f"; {self.kept} not sent" if self.kept else ""
        traces = f"; traces from {self.traces}" if self.traces else ""
        return f"{self.seen} of {self.measured} updates ({100 * low:.0f} to {100 * high:.0f} %){traces}{kept}"


def exposure(one: Outcome) -> float:
    """Share of updates seen, traces counted half."""
    return (one.seen + 0.5 * one.traces) / one.measured if one.measured else 0.0


def outcome(case: Case, rows: Sequence[dict[str, Any]]) -> Outcome:
    """rows: of the case's experiments, as `experiments.sweeps.table.records` has them."""
    done = [row for row in rows if row["state"] == "done"]
    kept = (
        [row for row in rows if row["state"] == "failed" and str(row.get("error")).startswith(SENDS_NOTHING)]
        if case.measure == "refuse"
        else []
    )
    levels = [of_row(row).level for row in done]
    seen = [row for row, level in zip(done, levels, strict=True) if level == "exposed"]
    best = max(seen or done, key=lambda row: row.get("ssim") or 0.0, default=None)
    failed = [row for row in rows if row["state"] in ("failed", "refused", "cancelled", "missing") and row not in kept]
    return Outcome(
        case, len(rows), len(done) + len(kept), len(seen), levels.count("partly"), len(kept),
        sum(row["state"] in ("queued", "running", "pausing", "paused") for row in rows), len(failed), (best or {}).get("run_id") or "",
        next((str(row["error"]) for row in failed if row.get("error")), ""),
    )  # fmt: skip
