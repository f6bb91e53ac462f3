"""How a sweep stands: as a whole, each of its experiments, each of its trainings."""

from __future__ import annotations

from dataclasses import dataclass, field

from gi_core.jobs.job import FINISHED, Job

REFUSED, MISSING, KEPT = "refused", "missing", "kept"


@dataclass(frozen=True)
class SweepStatus:
    """How a sweep stands.

    state: as of any job (running, pausing, paused, done: all of them, incomplete: some failed, failed: all, cancelled). total: experiments. counts:
    how many are queued, running, ..., refused (see `Entry.refused`), missing (deleted, or given up by a cancel) or kept (the client
    refused to send anything: an answer, no failure).
    fraction: of all work, in [0, 1]. seconds_left: from what took how long so far; None before the first has ended and
    while nothing runs. utility_total, utility_counts: the same of trainings. elsewhere: whether it was brought here in an archive.
    """

    id: str
    name: str
    state: str
    total: int
    counts: dict[str, int]
    fraction: float
    seconds_left: float | None
    utility_total: int
    utility_counts: dict[str, int]
    elsewhere: bool = False

    @property
    def over(self) -> bool:
        return self.state in FINISHED

    @property
    def sentence(self) -> str:
        """What to say of a sweep whose experiments partly failed, were cancelled or kept, `done with 3 failed`; else empty."""
        if self.state not in ("incomplete", "failed") or (self.state == "failed" and not self.counts.get(KEPT)):
            return ""
        lacking = [
            f"{n} {what}{'s ' if what and n > 1 else ' ' if what else ''}{state}"
            for counts, what in ((self.counts, ""), (self.utility_counts, "training"))
            for state in ("failed", "cancelled")
            if (n := counts.get(state))
        ]
        kept = [f"{n} refused by the client"] if (n := self.counts.get(KEPT)) else []
        return "done with " + " and ".join([*lacking, *kept] or ["some failed"])


@dataclass(frozen=True)
class Entry:
    """One experiment. point: axis name -> label. job: None when refused (why) or deleted."""

    position: int
    point: dict[str, str]
    job: Job | None = field(repr=False)
    refused: str = ""

    @property
    def state(self) -> str:
        return self.job.state if self.job else REFUSED if self.refused else MISSING


@dataclass(frozen=True)
class UtilityEntry:
    """One training. positions: the experiments whose network, client and defenses it trains."""

    positions: tuple[int, ...]
    seed: int
    job: Job | None = field(repr=False)
    refused: str = ""

    @property
    def error(self) -> str:
        """Why it gave no accuracy; "" where it did, or may still."""
        return self.refused or (self.job.error or "" if self.job and self.job.state == "failed" else "")
