"""An archive becomes a run or a sweep of this store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gi_core.common import whole_files
from gi_core.experiments import run_files
from gi_core.jobs.adoption import Adopted, Adoption, Place, known
from gi_core.jobs.job import FINISHED, FOLLOWS
from gi_core.jobs.snapshots import Snapshots, write_array
from gi_core.jobs.store import Store
from gi_core.jobs.sweep_questions import questions
from gi_core.reports import archive_contents as contents
from gi_core.reports import archive_writing
from gi_core.reports.archive_contents import ArchivedSweep
from gi_core.reports.archive_reading import Archive, Brought
from gi_core.settings import SpecError, build
from gi_core.settings.sweep import build_sweep
from gi_core.types.result import read


@dataclass(frozen=True)
class Opened:
    """id: of the run or sweep here. kind: run or sweep. new: whether it was not here before."""

    id: str
    kind: str
    new: bool


def open_archive(store: Store, path: Path, name: str = "") -> Opened:
    """Take in what the archive holds; what is here already is recognised. name: what a person calls the file. Raises SpecError."""
    with closing(Archive(path, name or path.name)) as archive, Adoption(store) as adoption:
        origins = []
        for brought in archive.runs():
            job = _adopted(brought)
            origins.append(job.origin)
            adoption.add(job)
        if archive.manifest.kind == "run":
            if len(origins) != 1:
                raise SpecError(
                    f"{archive.name} is the archive of a run and holds {len(origins)}: take the archive again"
                )
            there = known(store, origins[0]) or _own(store, archive.manifest.id, origins[0])
            return Opened(there, "run", False) if there else Opened(adoption.enter(), "run", True)
        sweep = archive.sweep()
        origin = contents.of_sweep(sweep, origins)
        there = known(store, origin) or _own(store, archive.manifest.id, origin)
        if there:
            return Opened(there, "sweep", False)
        parent = Adopted(
            FOLLOWS,
            sweep.title,
            sweep.state,
            build_sweep(sweep.spec).model_dump(mode="json"),
            origin,
            sweep.created,
            sweep.created,
            sweep.finished,
        )
        return Opened(adoption.enter(parent, _places(sweep, len(origins), archive.name)), "sweep", True)


def _adopted(brought: Brought) -> Adopted:
    """A run of an archive as the store takes it; its pictures and tables are written anew from its arrays."""
    job = brought.job
    return Adopted(
        kind=job.kind, title=job.title, state=job.state, spec=job.spec, origin=contents.identity(job, brought.arrays), created=job.created,
        started=job.started, finished=job.finished, result=job.result, error=job.error, progress=job.progress.model_dump(mode="json"),
        notices=job.notices, points=[contents.to_point(p) for p in job.points], log=job.log, fill=_filler(brought),
    )  # fmt: skip


def _filler(brought: Brought) -> Callable[[Path, str], None]:
    def fill(folder: Path, job_id: str) -> None:
        job, arrays = brought.job, brought.arrays
        if job.kind == "run":
            whole_files.write_text(folder / "experiment.json", build(job.spec).to_json(indent=2))
        if "shown" in arrays:
            write_array(folder / "originals.npy", arrays["shown"])
        kept = Snapshots(folder)
        for name in sorted(n for n in arrays if n.startswith("snapshots/")):
            kept.write(int(name.rpartition("/")[2]), arrays[name])
        for name in archive_writing.previews(job.result or {}):
            content = brought.previews.get(Path(name).name)
            if content is not None:
                place = folder / "layers" / Path(name).name if name.startswith("layers/") else folder / Path(name).name
                place.parent.mkdir(exist_ok=True)
                whole_files.write(place, partial(_put, content))
        found = read({**job.result, "run_id": job_id}) if job.result is not None else None
        if found is not None and "images" in arrays:
            points = [contents.to_point(p) for p in job.points]
            run_files.write(folder, found, arrays["images"], arrays.get("originals"), points)

    return fill


def _put(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _places(sweep: ArchivedSweep, count: int, name: str) -> list[Place]:
    """Which run answers which experiment: what the sweep asks is worked out anew, and only the runs are taken from the archive."""
    told = {(str(m.role), m.position, m.seed): m for m in sweep.members}
    if any(m.job is not None and m.job > count for m in sweep.members):
        raise SpecError(
            f"{name} is damaged or was changed: its sweep names a run that it lacks; take the archive again"
        )
    places = []
    for asked in questions(build_sweep(sweep.spec)):
        one = told.get((asked.role, asked.position, asked.seed))
        job = one.job - 1 if one is not None and one.job is not None else None
        refused = (one.refused if one is not None else None) or asked.refused or None
        places.append(
            Place(asked.role, asked.position, asked.seed, asked.key, asked.point, job, refused if job is None else None)
        )
    return places


def _own(store: Store, job_id: str, origin: str) -> str | None:
    """The very job that the archive was made of, where this is the store that it was made in."""
    job = store.job(job_id)
    if job is None or job.state not in FINISHED:
        return None
    try:
        return job_id if origin_of(store, job_id) == origin else None
    except SpecError:
        return None


def origin_of(store: Store, job_id: str) -> str:
    """The hash of a job's content, as its archive has it. Raises SpecError."""
    job = store.job(job_id)
    if job is None:
        raise SpecError(f"there is no run {job_id!r}")
    if job.kind != FOLLOWS:
        return contents.identity(*archive_writing.parts(store, job))
    sweep, jobs = archive_writing.sweep_parts(store, job)
    return contents.of_sweep(sweep, [contents.identity(*archive_writing.parts(store, one)) for one in jobs])
