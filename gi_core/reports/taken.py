"""A run as it is taken away: from the store, or from documents and arrays in memory; whole, or as its attacker sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from gi_core.jobs.job import Job, Point
from gi_core.jobs.store import Store
from gi_core.metrics.registry import METRICS
from gi_core.settings import SpecError
from gi_core.types.result import Result, read
from gi_core.types.result_parts import Trial

HIDDEN = "A picture that the server never saw"


@dataclass(frozen=True)
class Run:
    """A run.

    spec: its experiment as JSON. result: None where no picture came back. images, originals: (N, H, W, C) uint8, in the
    order of the originals; None where there are none. truth: whether the original, and what is computed from it, may be
    told. created: unix seconds, 0 where it was not kept. elsewhere: whether it was brought here in an archive.
    """

    id: str
    title: str
    state: str
    spec: dict[str, Any]
    result: Result | None
    points: tuple[Point, ...] = ()
    images: np.ndarray | None = None
    originals: np.ndarray | None = None
    error: str = ""
    notices: tuple[str, ...] = ()
    created: float = 0.0
    truth: bool = True
    elsewhere: bool = False


def of_store(store: Store, run_id: str, truth: bool = True) -> Run:
    """The run as it is kept. truth: False leaves out the original and all that is computed from it. Raises SpecError."""
    job = store.job(run_id)
    if job is None or job.kind != "run":
        raise SpecError(f"there is no run {str(run_id)[:40]!r}: see python -m gi_core runs list")
    return of_job(store, job, truth)


def of_job(store: Store, job: Job, truth: bool = True) -> Run:
    """The same of a job that was read already."""
    images, originals = _pictures(store, job)
    run = Run(
        job.id, job.title, job.state, job.spec, job.run_result, tuple(store.curve(job.id)), images, originals,
        job.error or "", tuple(job.notices), job.created, elsewhere=bool(job.origin),
    )  # fmt: skip
    return run if truth else withheld(run)


def of_memory(
    experiment: Mapping[str, Any], result: Mapping[str, Any], images: np.ndarray | None = None,
    originals: np.ndarray | None = None, points: Iterable[Point] = (), title: str = "",
) -> Run:  # fmt: skip
    """A run that no store keeps. images, originals: (N, C, H, W) in [0, 1]. Raises SpecError where they have other shapes."""
    found = read(result)
    return Run(
        str(result.get("run_id") or ""), title, str(result.get("status") or "done"), dict(experiment), found, tuple(points),
        _bytes(images, "images"), _bytes(originals, "originals"), str(result.get("error") or ""),
    )  # fmt: skip


def _bytes(images: np.ndarray | None, name: str) -> np.ndarray | None:
    """(N, C, H, W) in [0, 1] -> (N, H, W, C) uint8, rounded as the run's own files are."""
    if images is None:
        return None
    values = np.asarray(images, dtype=np.float64)
    if values.ndim != 4 or values.shape[1] not in (1, 3):
        raise SpecError(f"{name} are pictures (N, C, H, W) with 1 or 3 channels, not of shape {values.shape}")
    return (np.clip(np.nan_to_num(values), 0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)


def _pictures(store: Store, job: Job) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Reconstruction and originals: the run's numbers once it has ended, else its last snapshot."""
    folder = store.path(job.id)
    kept = _numbers(folder / "reconstruction.npz") if job.run_result is not None else {}
    images = _bytes(kept.get("images"), "images")
    originals = _bytes(kept.get("originals"), "originals")
    if originals is None:
        originals = store.originals(job.id)
    if images is None:
        images = _last(store, job)
    return images, originals


def _last(store: Store, job: Job) -> np.ndarray | None:
    """The last snapshot of the trial that the attacker prefers, matched to the originals where that was judged."""
    at = store.snapshots(job.id)
    shown = store.snapshot(job.id, at[-1]) if at else None
    if shown is None:
        return None
    result = job.run_result
    best = result["trials_summary"]["best"]["trial"] if result and "best" in result["trials_summary"] else None
    chosen = int(job.progress.get("best") or 0) if best is None else best
    batch = shown[min(chosen, len(shown) - 1)]
    matched = [entry.get("matched") for entry in result["per_image"]] if result else []
    order = [k for k in matched if isinstance(k, int)]
    return batch[order] if sorted(order) == list(range(len(batch))) else batch


def _numbers(path: Path) -> dict[str, np.ndarray]:
    """`images` and `originals` of the run's own file; empty where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ("images", "originals") if name in file.files}
    except (OSError, ValueError, EOFError, KeyError):
        return {}


def withheld(run: Run) -> Run:
    """The run as its attacker sees it: no original, nothing that was computed from it, and no name that tells of it."""
    result = run.result
    if result is not None:
        result = cast(Result, {k: v for k, v in result.items() if k not in _JUDGED})
        result |= {
            "metrics": {}, "per_image": [], "verdict": "", "notices": [],
            "labels": {"true": None, "recovered": result["labels"]["recovered"], "accuracy": None, "names": result["labels"]["names"]},
            "trials": [cast(Trial, {**one, **dict.fromkeys(_OF_TRIALS)}) for one in result["trials"]],
            "trials_summary": {}, "defenses": [],
        }  # fmt: skip
    spec = {**run.spec, "samples": ["withheld"] * len(run.spec.get("samples") or [""]), "labels": None}
    if spec.get("recorded"):
        spec["recorded"] = {**spec["recorded"], "reference": None}
    points = tuple(replace(p, psnr=None, ssim=None) for p in run.points)
    return replace(run, title=HIDDEN, spec=spec, result=result, points=points, originals=None, notices=(), truth=False)


_OF_TRIALS = tuple(name for name in Trial.__annotations__ if name in METRICS)
"""What of a trial is measured on the original."""
_JUDGED = ("risk", "mixture", "rescaled", "calibration")
