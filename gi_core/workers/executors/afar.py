"""What `jobs.writer.Writer` is to a worker beside the store, for a job that runs far from it: it reports everything."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.jobs.job import Point, new_id
from gi_core.jobs.snapshots import Snapshots
from gi_core.workers.executors.base import BEGAN, Event

TELL_SECONDS, SHOW_SECONDS = 0.5, 2.0
MOST_SHOWN = 32 * 1024
"""Bytes of a picture that is shown while the job runs: a scheduler keeps the last thousand events in memory."""
MOST_SAID = 1000


class FarWriter:
    """Keeps a job's folder here, reports what happens at a bounded rate, and packs all of it for the way back.

    folder: an empty one, for this job alone. tell: takes the text of an `Event`. asked: what is asked of the job now.
    """

    def __init__(self, job_id: str, folder: Path, tell: Callable[[str], None], asked: Callable[[], str]) -> None:
        self.job_id, self.place, self._tell, self._asked = job_id, folder, tell, asked
        self.token = new_id()
        self.points: list[Point] = []
        self.said: list[list[Any]] = []
        self.progress: dict[str, Any] = {}
        self.ending: list[Any] = ["requeue"]
        self._fresh: list[Point] = []
        self._number, self._reported_at, self._shown, self._shown_at = 0, 0.0, -1, 0.0

    def tell(self, what: str, *values: Any) -> int:
        self._number += 1
        self._tell(Event(self.job_id, self.token, self._number, what, list(values)).encode())
        return self._number

    def begin(self, host: str, pid: int, where: str) -> None:
        """where: how the engine names the process, so that something can be asked of the job."""
        self.tell(BEGAN, host, pid, where)
        self.log(self.job_id, f"runs on {host}, process {pid}")

    def report(self) -> dict[str, Any]:
        """What the parcel says beside its files."""
        points = [asdict(p) for p in self.points]
        return {
            "token": self.token,
            "ending": self.ending,
            "said": self.said,
            "points": points,
            "progress": self.progress,
        }

    # what `workers.duties` and the sinks call

    def folder(self, job_id: str) -> Path:
        return self.place

    def asked(self, job_id: str) -> str:
        return self._asked()

    def make_room(self, job_id: str) -> None:
        """Do nothing: room is made where runs are kept."""

    def record(self, job_id: str, progress: dict[str, Any], points: list[Point]) -> None:
        self.progress = progress
        self.points += points
        self._fresh += points
        now = time.monotonic()
        if now - self._reported_at < TELL_SECONDS:
            return
        self._reported_at = now
        self.tell("record", progress, [asdict(p) for p in self._fresh])
        self._fresh = []
        if now - self._shown_at > SHOW_SECONDS:
            self._show()

    def _show(self) -> None:
        """The newest snapshot if it is small; the originals before the first one."""
        kept = Snapshots(self.place).iterations()
        if not kept or kept[-1] <= self._shown:
            return
        if self._shown < 0:
            self._picture("originals", self.place / "originals.npy")
        self._picture("snapshot", Snapshots(self.place).path(kept[-1]), kept[-1])
        self._shown, self._shown_at = kept[-1], time.monotonic()

    def _picture(self, what: str, path: Path, *values: Any) -> None:
        if path.is_file() and path.stat().st_size <= MOST_SHOWN:
            self.tell(what, *values, base64.b64encode(path.read_bytes()).decode())

    def thin_points(self, job_id: str, step: int) -> None:
        self.points = [p for p in self.points if p.iteration == 1 or p.iteration % step == 0 or p.psnr is not None]
        self.tell("thin_points", step)

    def forget_points(self, job_id: str, after: int) -> None:
        self.points = [p for p in self.points if p.iteration <= after]
        self.tell("forget_points", after)

    def log(self, job_id: str, text: str) -> None:
        self._say("log", text)

    def notice(self, job_id: str, text: str) -> None:
        self._say("notice", text)

    def _say(self, what: str, text: str) -> None:
        if len(self.said) < MOST_SAID:
            self.said.append([self.tell(what, text), what, text])

    def finish(
        self, job_id: str, state: str, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        self.ending = ["finish", state, result, error]

    def release(self, job_id: str) -> None:
        self.ending = ["release"]

    def requeue(self, job_id: str) -> None:
        self.ending = ["requeue"]

    def drop_cache_key(self, job_id: str) -> None:
        """Do nothing: only previews drop their key, and they are never sent away."""


def picture(text: str) -> np.ndarray:
    """A picture of an event, never unpickled. Raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if len(data) > MOST_SHOWN:
        raise ValueError("too large to be shown")
    return np.load(io.BytesIO(data), allow_pickle=False)
