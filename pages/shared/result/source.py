"""A run to draw: one in the store, or a recording shipped with the program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from gi_core.jobs.job import Job, Point
from gi_core.jobs.store import Store
from pages.shared.places import ASSETS

EXAMPLE = ASSETS / "example"


def compared(job: Job) -> int:
    """How many pictures the answer is compared with: all of the batch, or those that a server fished out of it."""
    asked = len(job.spec.get("samples") or ())
    if (job.spec.get("server") or {}).get("kind", "honest") != "fishing":
        return asked
    return len(job.run_result["per_image"]) if job.run_result else min(asked, 1)


class Source(Protocol):
    """What the live view reads."""

    job: Job

    def curve(self) -> Sequence[Point]: ...
    def snapshots(self) -> Sequence[int]: ...
    def snapshot(self, iteration: int) -> np.ndarray | None: ...
    def originals(self) -> np.ndarray | None: ...


class StoredRun:
    """A job of the store."""

    def __init__(self, store: Store, job: Job) -> None:
        self.store = store
        self.job = job

    def curve(self) -> Sequence[Point]:
        return self.store.curve(self.job.id)

    def snapshots(self) -> Sequence[int]:
        return self.store.snapshots(self.job.id)

    def snapshot(self, iteration: int) -> np.ndarray | None:
        return self.store.snapshot(self.job.id, iteration)

    def originals(self) -> np.ndarray | None:
        return self.store.originals(self.job.id)


class Recording:
    """A folder with `run.json` (job and curve) and `pictures.npz` (snapshots and originals)."""

    def __init__(self, folder: Path = EXAMPLE) -> None:
        document = json.loads((folder / "run.json").read_text())
        self.job = Job(**document["job"])
        self._curve = [Point(**point) for point in document["curve"]]
        with np.load(folder / "pictures.npz", allow_pickle=False) as pictures:
            self._images = pictures["snapshots"]
            self._at = [int(k) for k in pictures["iterations"]]
            self._originals = pictures["originals"]

    def curve(self) -> Sequence[Point]:
        return self._curve

    def snapshots(self) -> Sequence[int]:
        return self._at

    def snapshot(self, iteration: int) -> np.ndarray | None:
        return self._images[self._at.index(iteration)] if iteration in self._at else None

    def originals(self) -> np.ndarray | None:
        return self._originals
