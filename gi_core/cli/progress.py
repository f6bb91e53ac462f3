"""A progress line on a terminal; nothing where nobody watches."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Protocol, TextIO

from gi_core.cli import printable

PERIOD = 0.1
BLOCKS = " ▏▎▍▌▋▊▉█"


class Shown(Protocol):
    """Where progress is shown."""

    def show(self, fraction: float, text: str, now: bool = False) -> None: ...
    def say(self, text: str) -> None: ...
    def close(self) -> None: ...


class Bar:
    """One line on stderr, rewritten at most ten times a second, gone when closed."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.on = self.stream.isatty()
        self._next, self._drawn = 0.0, False

    def show(self, fraction: float, text: str, now: bool = False) -> None:
        """fraction of the whole in [0, 1], and what is being done."""
        if not self.on or (not now and time.monotonic() < self._next):
            return
        self._next = time.monotonic() + PERIOD
        width = shutil.get_terminal_size().columns
        bar = 20
        eighths = round(min(max(fraction, 0.0), 1.0) * bar * 8)
        filled = BLOCKS[-1] * (eighths // 8) + (BLOCKS[eighths % 8] if eighths < bar * 8 else "")
        line = f"{fraction:4.0%} |{filled:{bar}}| {text}"[: width - 1]
        self.stream.write(f"\r\x1b[2K{line}")
        self.stream.flush()
        self._drawn = True

    def close(self) -> None:
        """Wipe the line."""
        if self._drawn:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
            self._drawn = False

    def say(self, text: str) -> None:
        """A lasting line on stderr, above the bar."""
        self.close()
        print(printable(text), file=self.stream)


def fraction_and_words(progress: dict[str, Any]) -> tuple[float, str]:
    """(fraction, text) of a run's progress."""
    done, total = progress.get("iteration") or 0, progress.get("iterations") or 0
    if not done or not total:
        return float(progress.get("fraction") or 0.0), str(progress.get("stage") or "")
    over = done > total  # an attack that starts anew counts on: `iterations` is of one start
    parts = [f"{done} iterations, started anew" if over else f"{done}/{total}"]
    if progress.get("per_second"):
        parts.append(f"{progress['per_second']:.3g} it/s")
    if progress.get("seconds_left") is not None and not over:
        parts.append(f"at most {span(progress['seconds_left'])} left")
    losses = progress.get("trial_losses") or []
    best = progress.get("best")
    if best is not None and best < len(losses) and losses[best] is not None:
        parts.append(f"loss {losses[best]:.2e}")
    return min(1.0, done / total), "  ".join(parts)


def span(seconds: float) -> str:
    """Seconds as a person reads them."""
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )
