"""Processes by pid and start time: a pid alone is reused."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path


def started(pid: int) -> str | None:
    """When the process started, as the system writes it; None when it is gone (or a zombie)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _started_by_ps(pid: int) -> str | None:
    """For systems without /proc."""
    try:
        found = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    state, _, when = found.stdout.strip().partition(" ")
    return when.strip() if when and not state.startswith("Z") else None


def alive(pid: int, start: str) -> bool:
    """Whether the process of this pid and start time still runs."""
    return pid > 0 and started(pid) == start


@cache
def edition() -> int:
    """When the program's files were last changed, as this process found them (unix nanoseconds)."""
    files = Path(__file__).resolve().parents[1].rglob("*.py")
    return max((file.stat().st_mtime_ns for file in files), default=0)


def me() -> tuple[int, str]:
    """This process: pid and start."""
    return os.getpid(), started(os.getpid()) or ""
