"""What happened to each trial: its terms, its best score, whether it is still alive.

Plain lists, because a few numbers a step are handled faster in Python than as tensors. Everything
lives in `state["trials"]`, so it is saved and resumed with the attack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.sums import wide

INFINITY = float("inf")
FAR = 1e3
"""A pixel this far outside [0, 1] means that the trial has diverged."""
PATIENCE, PROGRESS = 25, 1e-3
"""Quasi-Newton steps without this relative progress end a trial."""

Record = dict[str, list]


def fresh(trials: int) -> Record:
    """A trial that was never evaluated has an infinite score, so it can never win."""
    return {
        "live": [True] * trials, "solved": [False] * trials, "attempt": [0] * trials, "score": [INFINITY] * trials,
        "mark": [INFINITY] * trials, "mark_at": [0] * trials,
    }  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """When a trial ends. stop: total below which it is solved. near: total at which coming to rest
    counts as solved. patient: whether stalling ends a trial. restarts: fresh starts for each trial.
    restart_stalled: whether a trial that stalls far from a solution starts again.
    """

    stop: float
    near: float
    patient: bool
    restarts: int
    restart_stalled: bool


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
        lost = not math.isfinite(value) or not farthest[i] < FAR
        stalled = rules.patient and (frozen[i] or iteration - record["mark_at"][trial] > PATIENCE)
        if not lost and (value < rules.stop or (stalled and value < rules.near)):
            record["solved"][trial], record["live"][trial] = True, False
        elif not (lost or stalled):
            continue
        elif (lost or rules.restart_stalled) and record["attempt"][trial] < rules.restarts:
            record["attempt"][trial] += 1
            record["mark"][trial], record["mark_at"][trial] = INFINITY, iteration
            again.append(trial)
            events.append(
                f"trial {trial + 1} {'diverged' if lost else 'stalled'} at iteration {iteration} and starts again"
            )
        else:
            record["live"][trial] = False
            events.append(f"trial {trial + 1} {'diverged' if lost else 'came to rest'} at iteration {iteration}")
    return again, events


def best_trial(record: Record) -> int:
    """Index of the lowest score: the attacker's own choice."""
    return min(range(len(record["score"])), key=record["score"].__getitem__)


def rows(terms: dict[str, Tensor]) -> dict[str, list[float]]:
    """Terms (T,) on a device as plain numbers, in one transfer."""
    numbers = torch.stack([wide(t) for t in terms.values()]).tolist()
    return dict(zip(terms, numbers, strict=True))
