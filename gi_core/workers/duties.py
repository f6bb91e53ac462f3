"""How a worker does each kind of job."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gi_core import data
from gi_core.attacks.base import Refused
from gi_core.common.memory_limit import memory_limit, memory_ran_out
from gi_core.common.progress import Progress
from gi_core.deployment import job_files
from gi_core.experiments import (
    influence_analysis,
    model_inspection,
    preparing,
    rank_analysis,
    recording,
    slow_motion,
    small_pictures,
    utility,
)
from gi_core.experiments.execute import Stopped, execute
from gi_core.experiments.federation import running
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.preview import preview
from gi_core.experiments.recorded import inspecting
from gi_core.experiments.setup import Questions
from gi_core.jobs import allowances
from gi_core.jobs.job import Job
from gi_core.jobs.sink import Control, JobWriter, StoreSink
from gi_core.jobs.writer import Lost
from gi_core.settings import Experiment, SpecError, build
from gi_core.types.preview import Preview
from gi_core.types.training import Training

MOST_THUMBNAILS = 200


def do(job: Job, writer: JobWriter, control: Control, questions: Questions) -> None:
    """Do a job that this worker holds, and write how it ended. Raises Lost."""
    outcome: Mapping[str, Any]
    try:
        outcome = _KINDS[job.kind](job, writer, control, questions)
    except (SpecError, Refused) as error:
        writer.finish(job.id, "failed", error=str(error))
        return
    except (MemoryError, RuntimeError) as error:
        if not memory_ran_out(error):
            _unexpected(job, writer, error)
            return
        writer.finish(job.id, "failed", error=allowances.too_large(allowances.memory(job.lane), job.lane))
        return
    except Stopped as stop:
        outcome = {"status": "cancelled" if stop.asked == "cancel" else "paused", "asked": stop.asked}
    except Lost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever happens, the job ends with a reason
        _unexpected(job, writer, error)
        return
    _end(job, writer, outcome)


def _unexpected(job: Job, writer: JobWriter, error: Exception) -> None:
    writer.log(job.id, traceback.format_exc(limit=-8))
    reason = " ".join(str(error).split())[:300]
    writer.finish(job.id, "failed", error=f"an unexpected error ended it, {type(error).__name__}: {reason}")


def _end(job: Job, writer: JobWriter, outcome: Mapping[str, Any]) -> None:
    status = outcome.get("status", "done")
    if status != "paused":
        writer.finish(job.id, status, None if outcome.get("iterations") == 0 else outcome)
    elif outcome.get("asked") == "leave":
        writer.requeue(job.id)
    else:
        writer.release(job.id)


def _obey(control: Control) -> None:
    """Raises Stopped where the person asked to pause or cancel."""
    if asked := control.poll():
        raise Stopped(asked)


def _progress(job: Job, writer: JobWriter, control: Control) -> Progress:
    """Progress that the job shows, and that ends it where the person asks."""

    def progress(fraction: float, text: str) -> None:
        _obey(control)
        writer.record(job.id, {"stage": text, "fraction": fraction}, [])

    return progress


def _run(job: Job, writer: JobWriter, control: Control, questions: Questions) -> Mapping[str, Any]:
    sink = StoreSink(writer, job.id)
    writer.make_room(job.id)
    return execute(
        build(job.spec), sink=sink, control=control, checkpoint=sink.folder / "checkpoint.pt", questions=questions,
        lane=job.lane,
    )  # fmt: skip


def _preview(job: Job, writer: JobWriter, control: Control, questions: Questions) -> Preview:
    answer = preview(build(job.spec), writer.folder(job.id), questions, job.lane)
    if any(p["fatal"] for p in answer["problems"]) or answer["seconds_estimate"] is None:
        writer.drop_cache_key(job.id)  # what is missing may be there the next time
    return answer


def _train(job: Job, writer: JobWriter, control: Control, questions: Questions) -> dict[str, Any]:
    """Prepare the network of an Experiment, so that its runs find it trained."""
    experiment = build(job.spec)
    _, info = preparing.prepare(experiment, data.load(experiment), progress=_progress(job, writer, control))
    return {"status": "done", **info}


def _thumbnails(job: Job, writer: JobWriter, control: Control, questions: Questions) -> dict[str, Any]:
    """spec: {samples: [ref], size: pixels or null}. Result: files {ref: path}, missing {ref: sentence}.

    whole in the spec: as `small_pictures.whole`.
    """
    samples, size = (job.spec.get("samples") or [])[:MOST_THUMBNAILS], job.spec.get("size")
    if job.spec.get("whole"):
        found = small_pictures.whole(samples, writer.folder(job.id), lambda: _obey(control))
        return {"status": "done", **found}
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    for ref in samples:
        _obey(control)
        try:
            with memory_limit():
                pictures = data.load(build({"samples": [ref], "size": size, "model": {"kind": "linear"}}))
        except SpecError as error:
            missing[ref] = str(error)
            continue
        files[ref] = str(_thumbnail(writer.folder(job.id), ref, pictures.images[:1]))
    return {"status": "done", "files": files, "missing": missing}


def _thumbnail(folder: Path, ref: str, images: np.ndarray) -> Path:
    path = folder / f"{hashlib.sha256(ref.encode()).hexdigest()[:16]}.png"
    save_png(path, sheet(images))
    return path


def _influence(job: Job, writer: JobWriter, control: Control, questions: Questions) -> dict[str, Any]:
    """spec: {experiment, noise_std, damping, seconds}; see `gi_core.experiments.influence_analysis.answer`."""
    asked = job.spec
    with memory_limit():
        found = influence_analysis.answer(
            build(asked.get("experiment") or {}), asked.get("noise_std"), asked.get("damping"),
            float(asked.get("seconds") or 60.0), writer.folder(job.id), _progress(job, writer, control),
        )  # fmt: skip
    return {"status": "done", **found}


def _rank(job: Job, writer: JobWriter, control: Control, questions: Questions) -> dict[str, Any]:
    return rank_analysis.answer(job.spec, _progress(job, writer, control))


def _federation(job: Job, writer: JobWriter, control: Control, questions: Questions) -> dict[str, Any]:
    """spec: a Federation; see `gi_core.experiments.federation.running.job`. It records what was found so far after every round."""
    return running.job(job.spec, writer.folder(job.id), control, lambda found: writer.record(job.id, found, []))


def _utility(job: Job, writer: JobWriter, control: Control, questions: Questions) -> Training:
    """spec: a Federation without attack; see `gi_core.experiments.utility.job`."""
    return utility.job(job.spec, writer.folder(job.id), control, lambda found: writer.record(job.id, found, []))


def _inspect(job: Job, writer: JobWriter, control: Control, questions: Questions) -> dict[str, Any]:
    """spec: {recorded, model, size, channels, client}; see `inspecting.answer`. Of a network that was received: {received, …}; of the
    configuration of a deployment: {described}, see `job_files.answer`."""
    if "described" in job.spec:
        return {"status": "done", "described": job_files.answer(job.spec)}
    if "received" in job.spec:
        return {"status": "done", "model_check": model_inspection.answer(job.spec)}
    return {"status": "done", **inspecting.answer(job.spec)}


def _record(job: Job, writer: JobWriter, control: Control, questions: Questions) -> dict[str, Any]:
    """spec: an Experiment whose client's round becomes files; see `recording.record`."""
    return {"status": "done", **recording.record(build(job.spec), writer.folder(job.id))}


def _slow_motion(job: Job, writer: JobWriter, control: Control, questions: Questions) -> Mapping[str, Any]:
    """spec: {experiment, iterations}; see `slow_motion.answer`."""
    asked, number = build(job.spec.get("experiment") or {}), int(job.spec.get("iterations") or 1)
    return slow_motion.answer(asked, number, writer.folder(job.id), questions, _progress(job, writer, control))


_KINDS: dict[str, Callable[[Job, JobWriter, Control, Questions], Mapping[str, Any]]] = {
    "run": _run,
    "preview": _preview,
    "train": _train,
    "thumbnails": _thumbnails,
    "rank": _rank,
    "influence": _influence,
    "federation": _federation,
    "utility": _utility,
    "inspect": _inspect,
    "record": _record,
    "slow_motion": _slow_motion,
}

WARM_UP = Experiment(size=8)
"""The question that a fresh worker asks itself, so that a person's first one finds everything loaded."""
