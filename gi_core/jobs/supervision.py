"""Keeps a worker within its allowances: by a limit of the system where there is one, and by looking at it. No torch."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from gi_core.jobs import allowances, capacity, recovery
from gi_core.jobs.processes import Process
from gi_core.jobs.store import Store

HEADROOM = 2**29
OVERDRAWN = 9
"""Exit status of a worker whose job took more than it may: the job has been ended."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


def resident(pid: int | str = "self") -> int:
    """Bytes of memory that a process holds of its own, without what it shares with files; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return max(0, int(fields[1]) - int(fields[2])) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def spent(pid: int | str = "self") -> float:
    """Seconds of computing of a process so far; 0.0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK
    except (OSError, ValueError, IndexError):
        return time.process_time() if pid == "self" else 0.0


def hold(limit: int) -> None:
    """Keep this process below `limit` bytes of its own: an allocation beyond that fails.

    The limit is on what may be written to, used or not, so it stands `HEADROOM` higher, and whoever looks ends a worker
    that really holds more. Not beside a GPU, whose driver reserves far more than it uses, nor where the system knows no such limit.
    """
    if sys.platform != "linux" or capacity.accelerated():
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit += HEADROOM
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def trim() -> int:
    """Return free memory to the system; bytes that are held afterwards."""
    gc.collect()
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):
            pass  # another C library
    return resident()


@dataclass
class Doing:
    """A job that is being done. began: the process's seconds of computing at its start. since: the clock then."""

    id: str
    kind: str
    began: float = field(default_factory=spent)
    since: float = field(default_factory=time.monotonic)


def overdrawn(doing: Doing, lane: str, pid: int | str = "self") -> str:
    """Why the job has to end now; "" while it may go on."""
    waited = time.monotonic() - doing.since
    return allowances.overdrawn(doing.kind, lane, resident(pid), spent(pid) - doing.began, waited)


class Watch:
    """Looks at every worker from a server, as a busy worker may not look at itself."""

    GRACE = 1.1

    def __init__(self, store: Store) -> None:
        self.store = store
        self._seen: dict[str, Doing] = {}

    def look(self, workers: list[Process]) -> list[int]:
        """The pids of workers that must be ended, whose jobs have failed by now."""
        late, seen = [], {}
        for worker in workers:
            doing = self._doing(worker)
            if doing is None:
                continue
            seen[worker.id] = doing
            held, used = resident(worker.pid) / self.GRACE, (spent(worker.pid) - doing.began) / self.GRACE - 5.0
            waited = time.monotonic() - doing.since - 30.0
            reason = allowances.overdrawn(doing.kind, worker.lane, int(held), used, waited)
            if reason:
                recovery.end(self.store.database, self.store.runs, worker.id, doing.id, reason)
                late.append(worker.pid)
        self._seen = seen
        return late

    def _doing(self, worker: Process) -> Doing | None:
        known = self._seen.get(worker.id)
        if known is not None and known.id == worker.note:
            return known
        row = self.store.database.row("SELECT kind FROM jobs WHERE id = ?", (worker.note,))
        return Doing(worker.note, row["kind"], spent(worker.pid)) if row else None


def kills_for_memory() -> int:
    """How often the system has ended a process here because memory ran out; 0 where the system does not say."""
    for path in ("/sys/fs/cgroup/memory.events", "/proc/vmstat"):
        try:
            for line in Path(path).read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        except (OSError, ValueError):
            continue
    return 0
