"""Sentences and numbers for people."""

from __future__ import annotations

import html
import math
from typing import Any

from gi_core.jobs.job import Job
from gi_core.reports.commands import command, model
from gi_core.reports.naming import question, sample_name

__all__ = [
    "MEANING", "STATES", "command", "escape", "model", "plain", "question", "rate", "sample_name", "size", "span", "state",
]  # fmt: skip

MEANING = '<a href="./words" target="_self">What the words mean</a>'
"""Link to the page that explains the words, as HTML for a sentence of its own."""
STATES = {
    "queued": ("◷", "waiting"),
    "running": ("▶", "running"),
    "pausing": ("◷", "pausing…"),
    "paused": ("‖", "paused"),
    "done": ("✓", "done"),
    "incomplete": ("!", "done, but not all"),
    "failed": ("✕", "failed"),
    "cancelled": ("■", "cancelled"),
}


def state(job: Job) -> tuple[str, str]:
    """(sign, word) of a job's state; a cancel not obeyed yet shows at once."""
    if job.asked == "cancel" and not job.over:
        return "◷", "cancelling…"
    if job.state == "running" and not job.progress.get("iteration"):
        return "▶", "starting"
    return STATES[job.state]


def escape(text: Any) -> str:
    """Escape a text for HTML."""
    return html.escape(str(text), quote=True)


def plain(text: Any) -> str:
    """Escape a text for Streamlit's markdown, so that it is shown as it is."""
    return "".join("\\" + c if c in r"\`*_[]<>#$~:|" else c for c in str(text).replace("\n", " "))


def span(seconds: float | None) -> str:
    """A duration: less than 0.1 s, 0.4 s, 12 s, 2 min, 3 min 20 s, 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 0.05:
        return "less than 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    seconds = max(seconds, 60.0)
    if seconds < 3600:
        return _both(int(seconds // 60), "min", int(seconds % 60), "s")
    return _both(int(seconds // 3600), "h", int(seconds % 3600 // 60), "min")


def _both(large: int, of_large: str, small: int, of_small: str) -> str:
    """Two units, the smaller one only where it counts something."""
    return f"{large} {of_large}" + (f" {small} {of_small}" if small else "")


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def rate(per_second: float | None) -> str:
    """Iterations per second, or seconds per iteration when slower than one."""
    if not per_second:
        return "–"
    return f"{per_second:.3g} it/s" if per_second >= 1 else f"{1 / per_second:.3g} s/it"
