"""What tests of engines share: a small sweep, its jobs, and a job done far from the store in this very process."""

from __future__ import annotations

import io
import zipfile

from gi_core.jobs import sweeps
from gi_core.jobs.store import Store
from gi_core.settings.sweep import build_sweep
from gi_core.workers.executors import remote
from tests.runs_helpers import tiny_spec


def asked(store: Store, count: int = 1, **settings) -> str:
    seeds = {"name": "seed", "path": "seed", "values": list(range(count))}
    return sweeps.start(store, build_sweep({"name": "few", "base": tiny_spec(settings=settings), "axes": [seeds]}))


def jobs(store: Store, sweep: str):
    return [entry.job for entry in sweeps.members(store, sweep)]


def parcel_of(order: str, checkpoint: bytes | None = None, **more) -> dict[str, bytes]:
    data = remote.perform(order, checkpoint, more.get("tell", lambda text: None), more.get("wanted", lambda: True))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
