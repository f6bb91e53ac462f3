"""The state of a run on disk: an attack's State, its plan, and the curves so far.

Written whole, so a kill leaves the old one or the new one; read with `weights_only=True`, so a
planted file cannot run code.
"""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from gi_core.attacks.base import State
from gi_core.common import whole_files
from gi_core.jobs.job import Point
from gi_core.settings.plan import Plan

VERSION = 1


@dataclass
class Checkpoint:
    """key: of the experiment it belongs to. seconds: spent attacking. every: stride of the points."""

    key: str
    plan: Plan
    state: State
    iteration: int
    seconds: float
    points: list[Point] = field(default_factory=list)
    every: int = 1


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Raises DiskFull, keeping the checkpoint that was there."""
    document = {
        "version": VERSION,
        "key": checkpoint.key,
        "plan": checkpoint.plan.model_dump(mode="json"),
        "state": checkpoint.state,
        "iteration": checkpoint.iteration,
        "seconds": checkpoint.seconds,
        "points": [asdict(p) for p in checkpoint.points],
        "every": checkpoint.every,
    }
    whole_files.write(path, lambda file: torch.save(document, file))


def load(path: Path, key: str, device: torch.device) -> Checkpoint | None:
    """The checkpoint of this very experiment on this device; None when there is none that can be used.

    Each tensor returns to the device it was on: a State on a GPU keeps its scores on the CPU.
    """
    try:
        document: dict[str, Any] = torch.load(path, weights_only=True)
        if document["version"] != VERSION or document["key"] != key:
            return None
        plan = Plan(**{**document["plan"], "source": "checkpoint"})
        if plan.device != device.type:
            return None
        return Checkpoint(
            key=key,
            plan=plan,
            state=document["state"],
            iteration=document["iteration"],
            seconds=document["seconds"],
            points=[Point(**p) for p in document["points"]],
            every=document["every"],
        )
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError):
        return None
