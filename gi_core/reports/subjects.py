"""From ids of the store to what is taken away: runs, sweeps, federations and analyses, each by its own kind."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.jobs.job import FOLLOWS, Job
from gi_core.jobs.store import Store
from gi_core.jobs.sweeps import members
from gi_core.reports import analyses, federations, runs, summary, sweeps, swept, taken
from gi_core.reports.parts import Report
from gi_core.reports.summary import Summary
from gi_core.reports.taken import Run
from gi_core.settings import SpecError

MOST_RUNS = 1000
"""Runs of a sweep that a table or a figure may be asked for."""


def report_of(store: Store, ids: Sequence[str], truth: bool = True) -> Report:
    """The report of one job, or of several runs compared. truth: False withholds the originals of runs. Raises SpecError."""
    job = _alone(store, ids)
    if job is None:
        return runs.report(runs_of(store, ids, truth, runs.MOST_RUNS))
    if job.kind == FOLLOWS:
        return sweeps.report(swept.of_store(store, job.id, truth))
    if job.kind == "federation":
        return federations.report(store, job, truth)
    if job.kind in ("influence", "rank") and not truth:
        raise SpecError("an analysis is about the private picture: there is nothing to withhold in its report")
    if job.result is None:
        raise SpecError(f"this {job.kind} is {job.state} and has no answer yet: wait until it has ended")
    return analyses.influence(job.spec, job.result) if job.kind == "influence" else analyses.rank(job.result)


def _alone(store: Store, ids: Sequence[str]) -> Job | None:
    """The job, where it is one that is no run and has a report of its own."""
    job = known(store, ids[0]) if len(set(ids)) == 1 else None
    return job if job is not None and job.kind in (FOLLOWS, "federation", "influence", "rank") else None


def summary_of(store: Store, ids: Sequence[str], truth: bool = True) -> Summary:
    """The same on one page."""
    job = _alone(store, ids)
    if job is not None and job.kind == FOLLOWS:
        return sweeps.summary(swept.of_store(store, job.id, truth))
    if job is not None and job.kind == "federation":
        return federations.summary(store, job, truth)
    return summary.of_runs(runs_of(store, ids, truth))


def runs_of(store: Store, ids: Sequence[str], truth: bool = True, most: int = MOST_RUNS) -> list[Run]:
    """The runs of these ids, each once; a sweep stands for its runs that ended. Raises SpecError."""
    found: dict[str, Job] = {}
    for one in ids:
        job = known(store, one)
        if job.kind == FOLLOWS:
            found |= {j.id: j for j in ended(store, one)}
        elif job.kind == "run":
            found[job.id] = job
        else:
            raise SpecError(f"{one} is a {job.kind}, and this is about runs: take its report instead")
    if not found:
        raise SpecError("no run of it has ended yet: wait until one has")
    if len(found) > most:
        raise SpecError(f"these are {len(found)} runs, and {most} at most fit: name some of them")
    return [taken.of_job(store, job, truth) for job in found.values()]


def known(store: Store, job_id: str) -> Job:
    """The job. Raises SpecError where there is none of that id."""
    job = store.job(job_id)
    if job is None:
        raise SpecError(f"there is no run, sweep or federation {str(job_id)[:40]!r}: see python -m gi_core runs list")
    return job


def ended(store: Store, sweep: str) -> list[Job]:
    """The sweep's runs that are done, in order."""
    jobs = [entry.job for entry in members(store, sweep)]
    return [job for job in jobs if job is not None and job.state == "done"]
