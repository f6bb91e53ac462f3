"""How many batch workers this machine carries. No torch."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

WORKER_BYTES = 2**30
"""Memory that each worker is counted with: torch takes about 350 MB, a large batch as much again."""
SPARE_CORES = 2
"""Left to a person's run while batch workers fill the rest: its own, and one for the page."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def batch_workers() -> int:
    """`GI_BATCH_WORKERS`; else one beside an accelerator, which runs share badly, or one a core as far as memory goes."""
    text = os.environ.get("GI_BATCH_WORKERS", "")
    if text.isdigit() and int(text) > 0:
        return int(text)
    if accelerated():
        return 1
    return max(1, min(cores(), memory_bytes() // WORKER_BYTES))


def accelerated() -> bool:
    """Whether runs with device auto go to a GPU here, as far as is known without torch."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    try:
        return Path("/dev/nvidia0").exists() and not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False


def memory_bytes() -> int:
    """Bytes of the machine, or of the container's share."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return total
