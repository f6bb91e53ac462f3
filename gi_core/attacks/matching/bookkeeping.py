"""What happened to each trial: its terms, its best score, whether it is still alive.

Plain lists, because a few numbers a step are handled faster in Python than as tensors. Everything
lives in `state["trials"]`, so it is saved and resumed with the attack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.numerics.sums import wide

INFINITY = float("inf")
FAR = 1e3
"""A pixel this far outside [0, 1] means that the trial has diverged."""
PATIENCE, PROGRESS = 25, 1e-3
"""Quasi-Newton steps without this relative progress end a trial."""

FALLS = 5
"""Steps in which a start that succeeds halves its distance: measured on twenty pictures, without an exception."""

Record = dict[str, list]


def fresh(trials: int, begun: int) -> Record:
    """The records of all trials, `begun` of which begin at once. One that was never evaluated has an infinite score and cannot win."""
    return {
        "live": [t < begun for t in range(trials)], "begun": [t < begun for t in range(trials)],
        "half": [INFINITY] * trials, "half_at": [0] * trials, "solved": [False] * trials, "attempt": [0] * trials, "score": [INFINITY] * trials,
        "mark": [INFINITY] * trials, "mark_at": [0] * trials,
    }  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """When a trial ends. stop: total below which it is solved. near: total at which coming to rest
    counts as solved. patient: whether stalling ends a trial. restarts: fresh starts for each trial.
    restart_stalled: whether a trial that stalls far from a solution starts again. persistent: a trial goes on, as the
    published algorithms do, whatever its distance, until it is solved, not finite or cannot move.
    """

    stop: float
    near: float
    patient: bool
    restarts: int
    restart_stalled: bool
    persistent: bool = False


def improved(record: Record, live: list[int], score: list[float], latest: bool = False) -> list[int]:
    """Note the scores of the live trials; positions (in `live`) whose score is their best so far.

    latest: any finite score is taken, so that a trial stands for where it is now (under a decaying
    step its last point is its best picture, though not always its least distance).
    """
    better = []
    for i, (trial, value) in enumerate(zip(live, score, strict=True)):
        if value < (INFINITY if latest else record["score"][trial]):  # false for NaN
            record["score"][trial] = value
            better.append(i)
    return better


def retire(record: Record, rules: Rules, live: list[int], iteration: int, total: list[float], farthest: list[float],
           frozen: list[bool]) -> tuple[list[int], list[str]]:  # fmt: skip
    """End trials that are solved, lost or stalled. Returns those that start again, and the events."""
    again, events = [], []
    for i, trial in enumerate(live):
        value = total[i]
        if value < (1 - PROGRESS) * record["mark"][trial]:
            record["mark"][trial], record["mark_at"][trial] = value, iteration
        lost = not math.isfinite(value) or not (rules.persistent or farthest[i] < FAR)
        idle = not rules.persistent and iteration - record["mark_at"][trial] > PATIENCE
        stalled = rules.patient and (frozen[i] or idle)
        if not lost and (value < rules.stop or (stalled and value < rules.near)):
            record["solved"][trial], record["live"][trial] = True, False
        elif not (lost or stalled):
            continue
        elif (lost or rules.restart_stalled) and record["attempt"][trial] < rules.restarts:
            record["attempt"][trial] += 1
            record["mark"][trial], record["mark_at"][trial] = INFINITY, iteration
            record["half"][trial], record["half_at"][trial] = INFINITY, iteration
            again.append(trial)
            events.append(
                f"trial {trial + 1} {'diverged' if lost else 'stalled'} at iteration {iteration} and starts again"
            )
        else:
            record["live"][trial] = False
            events.append(f"trial {trial + 1} {'diverged' if lost else 'came to rest'} at iteration {iteration}")
    return again, events


def begun(record: Record) -> int:
    """How many trials have begun, counted from the first; in a state that an earlier version kept, all have."""
    return sum(record.get("begun", [True] * len(record["live"])))


def begin_next(record: Record, live: list[int], iteration: int, total: list[float]) -> list[str]:
    """Begin the next trial that waits, if no `live` one has halved its distance in the last `FALLS` steps. Returns the events."""
    if begun(record) == len(record["live"]) or any(record["solved"]):
        return []
    falling = False
    for trial, value in zip(live, total, strict=True):
        if value < record["half"][trial] / 2:
            record["half"][trial], record["half_at"][trial] = value, iteration
        falling |= record["live"][trial] and iteration - record["half_at"][trial] < FALLS
    if falling:
        return []
    trial = begun(record)
    record["begun"][trial] = record["live"][trial] = True
    record["half_at"][trial] = record["mark_at"][trial] = iteration
    return [f"trial {trial + 1} begins at iteration {iteration}: no distance of an earlier one falls"]


def best_trial(record: Record) -> int:
    """Index of the lowest score: the attacker's own choice."""
    return min(range(len(record["score"])), key=record["score"].__getitem__)


def rows(terms: dict[str, Tensor]) -> dict[str, list[float]]:
    """Terms (T,) on a device as plain numbers, in one transfer."""
    numbers = torch.stack([wide(t) for t in terms.values()]).tolist()
    return dict(zip(terms, numbers, strict=True))
