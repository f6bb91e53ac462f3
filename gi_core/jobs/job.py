"""What the store hands out: jobs, points of a curve, and the rule for ids."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from gi_core.types.result import Result, read
from gi_core.types.result_parts import Measures

Kind = Literal[
    "run", "preview", "train", "thumbnails", "rank", "influence", "federation", "inspect", "record", "sweep", "utility", "slow_motion",
]  # fmt: skip
State = Literal["queued", "running", "pausing", "paused", "done", "incomplete", "failed", "cancelled"]
"""incomplete: of a sweep that has ended, some of whose experiments failed or were cancelled."""
STATES: tuple[State, ...] = get_args(State)
Lane = Literal["interactive", "batch", "reading"]

KINDS: tuple[Kind, ...] = get_args(Kind)
FOLLOWS = "sweep"
"""The kind that no worker does: its state follows its children's."""
LANES: tuple[Lane, ...] = get_args(Lane)
READING: Lane = "reading"
"""Where files that a person handed in are looked into: a process of its own with a deadline and little memory."""
ACTIVE: tuple[State, ...] = ("running", "pausing")
FINISHED: tuple[State, ...] = ("done", "incomplete", "failed", "cancelled")

_ID = re.compile(r"[0-9a-f]{12}")


def valid_id(text: object) -> bool:
    """Whether the text is a job's id: 12 hexadecimal digits and nothing else.

    Checked before every query and every path, so an id from a link never names a file.
    """
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def lane_of(kind: str, spec: dict[str, Any], lane: str) -> str:
    """The lane that was asked for, or the one for reading a person's files."""
    own = kind == "thumbnails" and any(str(ref).startswith("upload:") for ref in spec.get("samples") or ())
    return READING if kind == "inspect" or own else lane


def new_id() -> str:
    """A fresh, unguessable id."""
    return secrets.token_hex(6)


@dataclass(frozen=True)
class Job:
    """One job as it stands.

    created, started, finished: unix seconds. progress: what the worker last said (stage, iteration,
    iterations, seconds, per_second, seconds_left, residual, trial_losses, best, labels, note,
    worker_pid, plan). result: the JSON object that its kind ends with. error: one sentence.
    asker: who takes turns in the queue: the owner, else a browser.
    asked: a control not obeyed yet ("pause", "cancel" or ""). interrupted: its worker died once.
    origin: of what was brought here in an archive, a hash of its content; "" where it was asked here.
    """

    id: str
    kind: Kind
    spec: dict[str, Any]
    title: str
    state: State
    lane: Lane
    parent: str | None
    owner: str
    created: float
    started: float | None
    finished: float | None
    progress: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    error: str | None = None
    notices: list[str] = field(default_factory=list)
    pinned: bool = False
    interrupted: bool = False
    asked: str = ""
    attempts: int = 0
    cache_key: str | None = None
    asker: str = ""
    origin: str = ""

    @property
    def run_result(self) -> Result | None:
        """The result of a run that ended with pictures; None of any other job."""
        return read(self.result)

    @property
    def metrics(self) -> Measures:
        """The metrics of that result; empty where nothing was measured."""
        found = self.run_result
        return found["metrics"] if found else {}

    @property
    def active(self) -> bool:
        """Whether a worker has it now."""
        return self.state in ACTIVE

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in FINISHED


@dataclass(frozen=True)
class Point:
    """One point of the curves.

    iteration: counted from 1. seconds: of attacking so far, pauses excluded. rate: learning rate or
    damping. losses: name -> value of the best trial. trial_losses: total loss of each trial.
    psnr (dB), ssim: mean over the pictures, at snapshots only.
    """

    iteration: int
    seconds: float
    rate: float
    losses: dict[str, float]
    trial_losses: list[float]
    best: int
    psnr: float | None = None
    ssim: float | None = None
