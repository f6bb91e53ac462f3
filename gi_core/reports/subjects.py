"""From ids of the store to what is taken away: runs, sweeps, federations and analyses, each by its own kind."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.jobs.job import FOLLOWS, Job
from gi_core.jobs.store import Store
from gi_core.reports import runs, summary, taken
from gi_core.reports.parts import Report
from gi_core.reports.summary import Summary
from gi_core.reports.taken import Run
from gi_core.settings import SpecError

MOST_RUNS = 1000
"""Runs of a sweep that a table or a figure may be asked for."""


def report_of(store: Store, ids: Sequence[str], truth: bool = True) -> Report:
    """The report of one job, or of several runs compared. truth: False withholds the originals of runs. Raises SpecError."""
    return runs.report(runs_of(store, ids, truth, runs.MOST_RUNS))


def summary_of(store: Store, ids: Sequence[str], truth: bool = True) -> Summary:
    """The same on one page."""
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
    from gi_core.jobs import sweeps

    jobs = [entry.job for entry in sweeps.members(store, sweep)]
    return [job for job in jobs if job is not None and job.state == "done"]
