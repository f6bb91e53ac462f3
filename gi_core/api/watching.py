"""What a person sees of a run while it works, and how they stop it: a progress bar, a function called after each step, Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from gi_core.attacks.base import Step
from gi_core.cli.progress import fraction_and_words
from gi_core.common.errors import SpecError
from gi_core.experiments.live_view import to_uint8
from gi_core.jobs.job import Point


@dataclass(frozen=True)
class Watched:
    """One step, as a callback gets it.

    iteration: from 1. seconds: of attacking so far. loss: the attacker's own, of the best trial. images: (N, H, W, C) uint8,
    of the best trial. labels: (N,) as recovered. rate: step size, damping, or of a recursion the layer's condition.
    """

    iteration: int
    seconds: float
    loss: float
    images: np.ndarray
    labels: list[int]
    rate: float


Callback = Callable[[Watched], object]
"""Called after each step; returning False ends the attack, with the best so far as its result."""


def watched(step: Step, seconds: float) -> Watched:
    """A step as a callback gets it."""
    best = int(step.best)
    return Watched(
        step.iteration, seconds, float(step.losses["total"][best]), to_uint8(step.images[best]),
        [int(k) for k in step.labels[best]], float(step.rate),
    )  # fmt: skip


def checked(callback: object) -> Callback | None:
    """Raises SpecError for what cannot be called."""
    if callback is not None and not callable(callback):
        raise SpecError(f"callback is a function of one step, not a {type(callback).__name__}")
    return callback


class Bar:
    """A bar of `tqdm.auto`, in a terminal or a notebook; nothing with shown=False. Notices are kept, and warned of above the bar."""

    def __init__(self, shown: bool) -> None:
        self.shown, self.notices = shown, list[str]()
        self._bar: Any = None

    def show(self, fraction: float, text: str, now: bool = False) -> None:
        if not self.shown:
            return
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=1.0, leave=False, bar_format="{percentage:3.0f}% |{bar:20}| {desc}", file=sys.stderr)
        self._bar.n = min(1.0, max(0.0, fraction))
        self._bar.set_description_str(text, refresh=True)

    def say(self, text: str) -> None:
        self.notices.append(text.removeprefix("note: "))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Quiet:
    """A sink without a store: progress goes to the bar, points and log are kept. folder: for the run's files."""

    run_id = ""

    def __init__(self, folder: Any, bar: Bar) -> None:
        self.folder, self.bar = folder, bar
        self.points: list[Point] = []
        self.lines: list[str] = []

    def record(self, progress: dict[str, Any], points: list[Point]) -> None:
        self.points += points
        self.bar.show(*fraction_and_words(progress))

    def thin_points(self, step: int) -> None:
        kept = (p for p in self.points if p.iteration == 1 or p.iteration % step == 0 or p.psnr is not None)
        self.points = list(kept)

    def forget_points(self, after: int) -> None:
        self.points = [p for p in self.points if p.iteration <= after]

    def snapshot(self, iteration: int, images: np.ndarray) -> None:
        """Pictures on the way: a callback gets them."""

    def originals(self, images: np.ndarray) -> None:
        """Nobody looks on."""

    def log(self, text: str) -> None:
        self.lines.append(text)

    def notice(self, text: str) -> None:
        self.bar.say(text)


class Stopping:
    """A control that Ctrl-C cancels: the first press ends the run with the best so far, the second at once."""

    def __init__(self) -> None:
        self.asked = ""

    def poll(self) -> str:
        return self.asked

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Inside, the first Ctrl-C asks to end. Only the main thread gets signals; elsewhere nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: Any) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = "cancel"

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
