"""A run or a sweep as a ZIP that another installation opens."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.common import surroundings
from gi_core.jobs import rows, sweeps
from gi_core.jobs.job import FINISHED, FOLLOWS, Job, Point
from gi_core.jobs.snapshots import read_array
from gi_core.jobs.store import Store
from gi_core.metrics.registry import LIVE
from gi_core.reports import archive_contents as contents
from gi_core.reports.archive_contents import ArchivedJob, ArchivedMember, ArchivedSweep
from gi_core.settings import SpecError
from gi_core.settings.sentences import made
from gi_core.settings.sweep import build_sweep

_DAY = (1980, 1, 1, 0, 0, 0)
"""The same content is the same file."""
_PROGRESS = ("stage", "iteration", "iterations", "seconds", "best", "trial_losses", "residual", "labels")


def archive(store: Store, job_id: str) -> bytes:
    """The job as a ZIP. Raises SpecError for what is no run or sweep, or has not ended."""
    job = store.job(job_id)
    if job is None or job.kind not in ("run", FOLLOWS):
        raise SpecError(
            f"an archive holds a run or a sweep, and {str(job_id)[:40]!r} is neither: see python -m gi_core runs list"
        )
    if job.state not in FINISHED:
        raise SpecError(f"this {job.kind} is {job.state}: wait until it has ended, then take its archive")
    files: dict[str, bytes] = {}
    jobs = [job]
    if job.kind == FOLLOWS:
        sweep, jobs = sweep_parts(store, job)
        files[contents.SWEEP] = sweep.model_dump_json(indent=1).encode()
    for number, one in enumerate(jobs, 1):
        for name, content in _run(store, one):
            files[f"runs/{number:04d}/{name}"] = content
    if sum(map(len, files.values())) > contents.MOST_UNPACKED:
        raise SpecError(f"this takes more than {contents.MOST_UNPACKED / 2**30:.0f} GiB: take its runs one by one")
    manifest = {
        "format": contents.FORMAT, "version": contents.VERSION, "kind": job.kind, "id": job.id, "runs": len(jobs),
        "made_with": surroundings.versions(), "files": {n: hashlib.sha256(c).hexdigest() for n, c in files.items()},
    }  # fmt: skip
    return _zip({contents.MANIFEST: json.dumps(manifest, indent=1).encode(), **files})


def _zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _DAY)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            target.writestr(entry, content)
    return packed.getvalue()


def sweep_parts(store: Store, parent: Job) -> tuple[ArchivedSweep, list[Job]]:
    """What a sweep is, and its jobs that have ended, each once. Raises SpecError."""
    found: dict[str, Job] = {}

    def number(job: Job | None) -> int | None:
        if job is None or job.state not in ("done", "failed", "cancelled"):
            return None
        found.setdefault(job.id, job)
        return list(found).index(job.id) + 1

    members = [
        ArchivedMember(role="run", position=e.position, job=number(e.job), refused=e.refused or None)
        for e in sweeps.members(store, parent.id)
    ]
    for one in sweeps.utilities(store, parent.id):
        first = one.positions[0]
        members.append(
            ArchivedMember(
                role="utility", position=first, seed=one.seed, job=number(one.job), refused=one.refused or None
            )
        )
    if len(found) > contents.MOST_RUNS:
        raise SpecError(
            f"this sweep has {len(found)} runs, and an archive holds {contents.MOST_RUNS}: take its runs one by one"
        )
    asked = build_sweep(parent.spec).model_dump(mode="json")
    sweep = made(ArchivedSweep, {
        "title": parent.title, "state": parent.state, "created": parent.created, "finished": parent.finished, "spec": asked, "members": members,
    }, "this sweep cannot be archived: ")  # fmt: skip
    return sweep, list(found.values())


def _run(store: Store, job: Job) -> Iterator[tuple[str, bytes]]:
    """Names and contents of one run's files."""
    described, arrays = parts(store, job)
    yield "job.json", described.model_dump_json().encode()
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        yield f"{name}.npy", file.getvalue()
    folder = store.path(job.id)
    for name in contents.FOR_PEOPLE:
        if name == "result.json" and described.result is not None:
            yield name, json.dumps(described.result, indent=1).encode()
        elif name == "experiment.json":
            yield name, json.dumps(described.spec, indent=1).encode()
        elif (folder / name).is_file():
            yield name, (folder / name).read_bytes()
    for name in previews(job.result or {}):
        if (folder / name).is_file():
            yield f"previews/{Path(name).name}", (folder / name).read_bytes()


def previews(result: dict[str, Any]) -> list[str]:
    """Pictures that a result names, by their places in the run's folder."""
    found = [layer.get("preview") for layer in result.get("layers") or ()]
    found.append((result.get("rescaled") or {}).get("file"))
    return [str(name) for name in found if name]


def parts(store: Store, job: Job) -> tuple[ArchivedJob, dict[str, np.ndarray]]:
    """What a run is, and its arrays by name. Raises SpecError where it is damaged."""
    folder = store.path(job.id)
    arrays: dict[str, np.ndarray] = {}
    try:
        with np.load(folder / "reconstruction.npz", allow_pickle=False) as file:
            arrays |= {name: file[name] for name in ("images", "originals") if name in file.files}
    except (OSError, ValueError, EOFError, KeyError):
        pass  # a run without a picture
    shown = read_array(folder / "originals.npy")
    if shown is not None:
        arrays["shown"] = shown
    for at in store.snapshots(job.id):
        snapshot = store.snapshot(job.id, at)
        if snapshot is not None:
            arrays[f"snapshots/{at:08d}"] = snapshot
    result = None if job.result is None else {k: v for k, v in job.result.items() if k not in ("run_id", "out")}
    described = made(ArchivedJob, {
        "kind": job.kind, "title": job.title, "state": job.state, "created": job.created, "started": job.started, "finished": job.finished,
        "spec": job.spec, "result": result, "error": job.error, "notices": job.notices,
        "progress": {name: job.progress[name] for name in _PROGRESS if job.progress.get(name) is not None},
        "points": [_point(p) for p in store.curve(job.id)], "log": store.log(job.id)[-contents.MOST_LINES :],
    }, "this run cannot be archived: ")  # fmt: skip
    return described, arrays


def _point(p: Point) -> dict[str, Any]:
    finite = {
        name: value if isinstance(value, float) and math.isfinite(value) else None for name, value in p.losses.items()
    }
    return {
        "iteration": p.iteration, "seconds": p.seconds, "rate": rows.finite(p.rate), "losses": finite,
        "trial_losses": rows.finite(p.trial_losses), "best": p.best, **{name: rows.finite(getattr(p, name)) for name in LIVE},
    }  # fmt: skip
