"""`runs list|show|export|archive|import|cancel`: what is stored on this machine, and what waits or runs."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from gi_core.cli import files, report
from gi_core.cli.storage import open_store
from gi_core.common.paths import user_path
from gi_core.jobs.job import Job
from gi_core.jobs.rows import DAMAGED
from gi_core.jobs.store import Store
from gi_core.metrics.registry import shown
from gi_core.reports import archive_opening, archive_writing, writing
from gi_core.settings import SpecError


def runs(arguments: argparse.Namespace) -> int:
    """One of the actions. Raises SpecError for an unknown run."""
    actions = {
        "list": _list,
        "show": _show,
        "export": _export,
        "archive": _archive,
        "import": _import,
        "cancel": _cancel,
    }
    return actions[arguments.action](open_store(), arguments)


def _list(store: Store, arguments: argparse.Namespace) -> int:
    found = store.jobs(search=arguments.search, limit=arguments.limit, parent=arguments.sweep)
    if arguments.json:
        print(json.dumps([_brief(job) for job in found]))
        return 0
    if not found:
        print("no runs")
    for job in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created))
        psnr = job.metrics.get("psnr")
        quality = shown("psnr", psnr) if psnr is not None else ""
        print(f"{job.id}  {when}  {job.state:10}{quality:10}{job.title}" + " (done elsewhere)" * bool(job.origin))
        if job.error == DAMAGED:
            print(f"note: {job.id}: {DAMAGED} on the page Runs", file=sys.stderr)
    return 0


def _brief(job: Job) -> dict[str, Any]:
    return {
        "run_id": job.id,
        "title": job.title,
        "status": job.state,
        "created": job.created,
        "finished": job.finished,
        "error": job.error,
        "metrics": (job.result or {}).get("metrics"),
        "elsewhere": bool(job.origin),
    }


def _show(store: Store, arguments: argparse.Namespace) -> int:
    job = _known(store, arguments.id)
    if arguments.json:
        print(json.dumps({**asdict(job), "out": str(store.path(job.id))}))
        return 0
    print(job.title)
    result = job.run_result
    if result and result["metrics"]:
        print(report.text({**result, "out": str(store.path(job.id))}))
    else:
        print(f"run {job.id}  {job.state}" + (f": {job.error}" if job.error else ""))
    for moment, line in store.log(job.id):
        print(f"  {time.strftime('%H:%M:%S', time.localtime(moment))}  {line}")
    return 0


def _export(store: Store, arguments: argparse.Namespace) -> int:
    job = _known(store, arguments.id)
    target = files.folder(arguments.out or job.id)
    document = None if job.result is None else {**job.result, "out": str(target)}
    files.export(store.path(job.id), target, document)
    if arguments.json:
        print(json.dumps(document))
    else:
        print(target)
    return 0


def _archive(store: Store, arguments: argparse.Namespace) -> int:
    """Write a run or a sweep as a ZIP."""
    place = writing.writable(arguments.out or f"{arguments.id[:12]}.zip", (".zip",), "an archive")
    writing.put(place, archive_writing.archive(store, arguments.id))
    print(json.dumps({"out": str(place)}) if arguments.json else place)
    return 0


def _import(store: Store, arguments: argparse.Namespace) -> int:
    """Take in an archive; one that is here already is recognised."""
    path = user_path(arguments.file)
    if not path.is_file():
        raise SpecError(f"there is no file {arguments.file[-200:]!r}: give a ZIP that runs archive wrote")
    found = archive_opening.open_archive(store, path)
    said = f"{found.kind} {found.id}" + ("" if found.new else " was here already")
    print(json.dumps({"id": found.id, "kind": found.kind, "new": found.new}) if arguments.json else said)
    return 0


def _cancel(store: Store, arguments: argparse.Namespace) -> int:
    """Cancel one job of any kind, those asked on the command line, or all."""
    if (arguments.id is not None) + arguments.mine + arguments.all != 1:
        raise SpecError("give one ID, or --mine (what was asked on the command line), or --all")
    if arguments.id is not None:
        job = store.job(arguments.id)
        count = int(job is not None and not job.over)
        store.control(arguments.id, "cancel")
    else:
        count = store.cancel_all() if arguments.all else store.cancel_mine()
    print(json.dumps({"cancelled": count}) if arguments.json else f"{count} cancelled")
    return 0


def _known(store: Store, run_id: str) -> Job:
    job = store.job(run_id)
    if job is None or job.kind != "run":
        raise SpecError(f"there is no run {run_id!r}: see python -m gi_core runs list")
    return job
