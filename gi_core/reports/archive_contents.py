"""What an archive of a run or a sweep holds, and the names that its files may have.

    manifest.json              format, version, kind, id, SHA-256 of every other file
    sweep.json                 of a sweep: its question, and which of the runs answers which experiment
    runs/0001/job.json         question, result, curves, log
    runs/0001/images.npy       reconstructions (N, C, H, W) float32 in [0, 1]; originals.npy likewise, where they are known
    runs/0001/shown.npy        originals (N, H, W, C) uint8, as the pages show them
    runs/0001/snapshots/*.npy  (T, N, H, W, C) uint8, by iteration
    runs/0001/previews/*.png   inputs of the layers that a recursion found

For people, each run has experiment.json, result.json, history.csv and PNGs beside these; they are not read back.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from gi_core.jobs.job import Point
from gi_core.settings.base import Settings

FORMAT, VERSION = "gradient-inversion-archive", 1
MANIFEST, SWEEP = "manifest.json", "sweep.json"
FOR_PEOPLE = ("experiment.json", "result.json", "history.csv", "original.png", "reconstruction.png")
NAME = re.compile(
    r"manifest\.json|sweep\.json|runs/\d{4}/(?:job\.json|images\.npy|originals\.npy|shown\.npy|snapshots/\d{8,12}\.npy"
    r"|previews/[\w.-]{1,80}\.png|" + "|".join(map(re.escape, FOR_PEOPLE)) + ")"
)
MOST_FILE, MOST_UNPACKED = 512 * 2**20, 2**30
"""Bytes of an archive, and of all that it unpacks to."""
MOST_JSON, MOST_VALUES = 16 * 2**20, 1_000_000
MOST_RUNS, MOST_POINTS, MOST_LINES = 2000, 100_000, 10_000
Number = float | None
Label = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


class ArchivedPoint(Settings):
    """`gi_core.jobs.job.Point` as JSON: what is not finite is null."""

    iteration: int = Field(ge=0, le=10**9)
    seconds: float = Field(ge=0, le=1e9)
    rate: Number = None
    losses: dict[str, Number] = Field(max_length=64)
    trial_losses: tuple[Number, ...] = Field(max_length=64)
    best: int = Field(ge=0, le=63)
    psnr: Number = None
    ssim: Number = None


class Progress(Settings):
    """What of a job's progress a finished run still shows."""

    stage: str = Field("", max_length=300)
    iteration: int | None = Field(None, ge=0, le=10**9)
    iterations: int | None = Field(None, ge=0, le=10**9)
    seconds: Number = None
    best: int | None = Field(None, ge=0, le=63)
    trial_losses: tuple[Number, ...] = Field((), max_length=64)
    residual: dict[str, Number] = Field({}, max_length=5000)
    labels: tuple[Label | tuple[Label, ...], ...] = Field((), max_length=4096)


class ArchivedJob(Settings):
    """One job that has ended. spec and result are checked by their own rules when they are read."""

    kind: Literal["run", "utility"]
    title: str = Field(max_length=200)
    state: Literal["done", "failed", "cancelled"]
    created: float = Field(ge=0, le=1e11)
    started: float | None = Field(None, ge=0, le=1e11)
    finished: float | None = Field(None, ge=0, le=1e11)
    spec: dict[str, Any]
    result: dict[str, Any] | None = None
    error: str | None = Field(None, max_length=2000)
    notices: tuple[str, ...] = Field((), max_length=200)
    progress: Progress = Progress()
    points: tuple[ArchivedPoint, ...] = Field((), max_length=MOST_POINTS)
    log: tuple[tuple[float, str], ...] = Field((), max_length=MOST_LINES)


class ArchivedMember(Settings):
    """Which run answers an experiment of a sweep. job: its folder's number, None where there is none, and why."""

    role: Literal["run", "utility"]
    position: int = Field(ge=0, le=MOST_RUNS)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    job: int | None = Field(None, ge=1, le=9999)
    refused: str | None = Field(None, max_length=2000)


class ArchivedSweep(Settings):
    """A sweep that has ended."""

    title: str = Field(max_length=200)
    state: Literal["done", "incomplete", "failed", "cancelled"]
    created: float = Field(ge=0, le=1e11)
    finished: float | None = Field(None, ge=0, le=1e11)
    spec: dict[str, Any]
    members: tuple[ArchivedMember, ...] = Field(max_length=20_000)


class Manifest(Settings):
    """What the archive is. id: of the job where it was made. files: name -> SHA-256."""

    format: Literal["gradient-inversion-archive"]
    version: int = Field(ge=1, le=10_000)
    kind: Literal["run", "sweep"]
    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    runs: int = Field(ge=0, le=MOST_RUNS)
    made_with: dict[str, str] = Field({}, max_length=40)
    files: dict[str, str] = Field(max_length=20_000)


def to_point(one: ArchivedPoint) -> Point:
    """As the store keeps it."""
    return Point(
        one.iteration, one.seconds, _plain(one.rate), {k: _plain(v) for k, v in one.losses.items()},
        [_plain(v) for v in one.trial_losses], one.best, one.psnr, one.ssim,
    )  # fmt: skip


def _plain(value: float | None) -> float:
    return float("nan") if value is None else value


def identity(job: ArchivedJob, arrays: dict[str, np.ndarray]) -> str:
    """A hash of what a run is: question, result, curves and pictures. Equal runs have equal ones, wherever they lie."""
    about = job.model_dump(mode="json", include={"kind", "spec", "result", "points"})
    made = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        made.update(
            f"{name} {arrays[name].dtype} {arrays[name].shape}".encode() + np.ascontiguousarray(arrays[name]).tobytes()
        )
    return made.hexdigest()


def of_sweep(sweep: ArchivedSweep, runs: list[str]) -> str:
    """The same of a sweep. runs: identities, in the order of their folders."""
    about = sweep.model_dump(mode="json", include={"spec", "members", "state"})
    return hashlib.sha256(json.dumps([about, runs], sort_keys=True).encode()).hexdigest()
