"""What tests of runs share: tiny questions, a sink of lists, a control that follows a script."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gi_core.jobs.job import Point
from gi_core.settings import Experiment, build

torch.set_num_threads(1)


def faces(count: int, **more: Any) -> Experiment:
    """So many faces in colour, attacked by matching."""
    return build({
        "samples": [f"bundled/faces:{k}" for k in range(count)], "channels": 3,
        "attack": {"kind": "inverting_gradients", **more.pop("attack", {})}, **more,
    })  # fmt: skip


def tiny(attack: str = "inverting_gradients", **changes: Any) -> Experiment:
    """One 8x8 face on a LeNet of four channels: a few milliseconds an iteration."""
    settings = {"kind": attack, "iterations": 12} | changes.pop("settings", {})
    if attack == "dlg" or attack == "idlg":
        settings = {"inner": 4, "trials": 2, "stop_loss": 0.0} | settings
    if attack == "levenberg_marquardt":
        settings = {"krylov": 20, "restarts": 1} | settings
    document = {
        "samples": ["bundled/faces:3"],
        "size": 8,
        "channels": 1,
        "model": {"kind": "lenet", "width": 4, "classes": 4, "init": "uniform"},
        "attack": settings,
        "device": "cpu",
        "seed": 5,
    }
    return build(document | changes)


class ListSink:
    """Keeps everything it is told."""

    def __init__(self, folder: Path, run_id: str = "") -> None:
        self.run_id, self.folder = run_id, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.progress: list[dict[str, Any]] = []
        self.points: list[Point] = []
        self.pictures: dict[int, np.ndarray] = {}
        self.truth: np.ndarray | None = None
        self.lines: list[str] = []
        self.notices: list[str] = []

    def record(self, progress: dict[str, Any], points: list[Point]) -> None:
        self.progress.append(progress)
        self.points = [p for p in self.points if p.iteration not in {q.iteration for q in points}] + points

    def thin_points(self, step: int) -> None:
        keep = lambda p: p.iteration == 1 or p.iteration % step == 0 or p.psnr is not None  # noqa: E731
        self.points = [p for p in self.points if keep(p)]

    def forget_points(self, after: int) -> None:
        self.points = [p for p in self.points if p.iteration <= after]

    def snapshot(self, iteration: int, images: np.ndarray) -> None:
        self.pictures[iteration] = images

    def originals(self, images: np.ndarray) -> None:
        self.truth = images

    def log(self, text: str) -> None:
        self.lines.append(text)

    def notice(self, text: str) -> None:
        self.notices.append(text)


class Script:
    """Asks for something at the n-th poll after the attack began."""

    def __init__(self, sink: ListSink, after: int, asked: str) -> None:
        self.sink, self.after, self.asked, self.polls = sink, after, asked, 0

    def poll(self) -> str:
        began = any(p.get("iteration") for p in self.sink.progress)
        self.polls += began
        return self.asked if self.polls > self.after else ""


def tiny_spec(**changes: Any) -> dict[str, Any]:
    """`tiny` as a job holds it."""
    return tiny(**changes).model_dump(mode="json")


def wait(condition, seconds: float = 60.0):
    """Until the condition holds; its value."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
