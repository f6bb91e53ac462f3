"""Where a run reports to, and what may stop it: the store for a worker, a list for a test."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gi_core.jobs.job import Point
from gi_core.jobs.snapshots import Snapshots, write_array

POLL_SECONDS = 0.05


class Sink(Protocol):
    """What a run reports while it works. run_id: "" if nobody asked for one. folder: for its files."""

    run_id: str
    folder: Path

    def record(self, progress: dict[str, Any], points: list[Point]) -> None:
        """Where the run stands (see `Job.progress`) and the points since the last call."""

    def thin_points(self, step: int) -> None:
        """Keep, of the points recorded so far, the first, every step-th, and those with a PSNR."""

    def forget_points(self, after: int) -> None:
        """Drop points after an iteration: the run takes up from there."""

    def snapshot(self, iteration: int, images: np.ndarray) -> None:
        """Pictures of all trials, (T, N, H, W, C) uint8."""

    def originals(self, images: np.ndarray) -> None:
        """The private pictures, (N, H, W, C) uint8."""

    def log(self, text: str) -> None:
        """Add a line to the run's log."""

    def notice(self, text: str) -> None:
        """Show the person a sentence, once."""


class JobWriter(Protocol):
    """What a worker writes of the job it holds: `jobs.writer.Writer` into the store, `executors.afar.FarWriter` from afar."""

    def folder(self, job_id: str) -> Path: ...
    def asked(self, job_id: str) -> str: ...
    def make_room(self, job_id: str) -> None: ...
    def record(self, job_id: str, progress: dict[str, Any], points: list[Point]) -> None: ...
    def thin_points(self, job_id: str, step: int) -> None: ...
    def forget_points(self, job_id: str, after: int) -> None: ...
    def log(self, job_id: str, text: str) -> None: ...
    def notice(self, job_id: str, text: str) -> None: ...
    def finish(
        self, job_id: str, state: str, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None: ...
    def release(self, job_id: str) -> None: ...
    def requeue(self, job_id: str) -> None: ...
    def drop_cache_key(self, job_id: str) -> None: ...


class Control(Protocol):
    """What may stop a run; it is asked between iterations."""

    def poll(self) -> str:
        """Empty to go on; cancel to end with what there is; pause or leave to stop at a checkpoint."""


class Free:
    """A control that never stops the run."""

    def poll(self) -> str:
        return ""


class StoreSink:
    """Reports to the store, as the worker that holds the job."""

    def __init__(self, writer: JobWriter, job_id: str) -> None:
        self.writer, self.run_id = writer, job_id
        self.folder = writer.folder(job_id)
        self._snapshots = Snapshots(self.folder)

    def record(self, progress: dict[str, Any], points: list[Point]) -> None:
        self.writer.record(self.run_id, progress, points)

    def thin_points(self, step: int) -> None:
        self.writer.thin_points(self.run_id, step)

    def forget_points(self, after: int) -> None:
        self.writer.forget_points(self.run_id, after)
        for iteration in self._snapshots.iterations():
            if iteration > after:
                self._snapshots.path(iteration).unlink(missing_ok=True)

    def snapshot(self, iteration: int, images: np.ndarray) -> None:
        self._snapshots.write(iteration, images)

    def originals(self, images: np.ndarray) -> None:
        write_array(self.folder / "originals.npy", images)

    def log(self, text: str) -> None:
        self.writer.log(self.run_id, text)

    def notice(self, text: str) -> None:
        self.writer.notice(self.run_id, text)


class StoreControl:
    """What the person asked of the job, looked up at most every `POLL_SECONDS`. Raises Lost."""

    def __init__(self, writer: JobWriter, job_id: str) -> None:
        self.writer, self.job_id = writer, job_id
        self._next = 0.0

    def poll(self) -> str:
        now = time.monotonic()
        if now < self._next:
            return ""
        self._next = now + POLL_SECONDS
        return self.writer.asked(self.job_id)
