"""How much memory and how many seconds of computing one worker may take. No torch.

| variable | of | default |
|---|---|---|
| GI_MEMORY_MB | memory of a run, a preview or any other job, wherever it is done | half of the machine's; batch workers share a half |
| GI_READING_MB | memory of the worker that reads files | 3 GiB, at most half of the machine's |
| GI_PREVIEW_MB | memory of a preview; above it only the pictures are shown | 2 GiB, at most that of a run |
| GI_IDLE_MB | memory that an idle worker keeps; above it starts anew | 700 MiB |
| GI_PREVIEW_SECONDS | a preview | 60 |
| GI_READING_SECONDS | looking into a file, thumbnails | 60 |
| GI_JOB_SECONDS | anything else | 24 hours |

Seconds are of computing (CPU), so that a busy machine ends nothing earlier.
"""

from __future__ import annotations

from gi_core.jobs import capacity
from gi_core.jobs.job import READING
from gi_core.jobs.queue import most

MIB, GIB = 2**20, 2**30
LEAST_BYTES = 3 * 2**29
READING_BYTES, PREVIEW_BYTES, IDLE_BYTES = 3 * GIB, 2 * GIB, 700 * MIB
SECONDS = {"preview": 60, "inspect": 60, "thumbnails": 60}
_DAY = 24 * 3600
QUICK_KINDS = ("preview", "inspect", "thumbnails", "record", "rank")
"""What somebody waits for: also ended when it has waited for something, and computed nothing, ten times as long."""


def memory(lane: str) -> int:
    """Bytes that a worker of this lane may hold; lane "command": a command line, which has the machine to itself."""
    total = capacity.memory_bytes()
    if lane == READING:
        return most("GI_READING_MB", min(READING_BYTES, total // 2) // MIB) * MIB
    share = {"command": total * 4 // 5, "batch": total // 2 // capacity.batch_workers()}.get(lane, total // 2)
    usual = max(share, min(LEAST_BYTES, total // 2))
    return most("GI_MEMORY_MB", usual // MIB) * MIB


def preview() -> int:
    """Bytes that a preview may take: what wants more is run without one."""
    return most("GI_PREVIEW_MB", min(PREVIEW_BYTES, memory("interactive")) // MIB) * MIB


def idle() -> int:
    """Bytes that an idle worker may keep."""
    return most("GI_IDLE_MB", IDLE_BYTES // MIB) * MIB


def seconds(kind: str) -> int:
    """Seconds of computing that a job of this kind may take."""
    return most(_variable(kind), SECONDS.get(kind, _DAY))


def _variable(kind: str) -> str:
    if kind == "preview":
        return "GI_PREVIEW_SECONDS"
    return "GI_READING_SECONDS" if kind in SECONDS else "GI_JOB_SECONDS"


def readable(count: float) -> str:
    """Bytes for a person: 3.2 GiB, 640 MiB."""
    return f"{count / GIB:.3g} GiB" if count >= 0.95 * GIB else f"{max(1.0, count / MIB):.0f} MiB"


def overdrawn(kind: str, lane: str, held: int, spent: float, waited: float = 0.0) -> str:
    """Why a job has to end, one sentence for its person; "" while it may go on.

    held: bytes of its worker. spent: seconds of computing since it began, waited: of the clock.
    """
    limit, longest = memory(lane), seconds(kind)
    if held > limit:
        return too_large(limit, lane)
    if spent > longest or (kind in QUICK_KINDS and waited > 10 * longest + 60):
        what = {"preview": "a preview", "inspect": "looking into a file", "thumbnails": "reading pictures"}
        said = what.get(kind, "a job")
        return f"it took more than the {longest} s of computing that {said} may take ({_variable(kind)}), and was ended"
    return ""


def too_large(limit: int, lane: str) -> str:
    """What is said of a job that took more memory than it may."""
    name = "GI_READING_MB" if lane == READING else "GI_MEMORY_MB"
    less = (
        "give a smaller file"
        if lane == READING
        else "choose fewer trials, fewer or smaller pictures or a smaller network"
    )
    return f"it took more than the {readable(limit)} of memory that it may ({name}): {less}"
