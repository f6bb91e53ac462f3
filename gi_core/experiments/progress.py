"""How a worker hears of a long job's progress: now and then, and asked each time whether to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gi_core.experiments.loop import Stopped
from gi_core.jobs.sink import Control

EVERY = 0.3  # seconds
Report = Callable[[float, str, dict[str, Any]], None]
"""(fraction, what is being done, what was found so far): called often; raises Stopped to end the job."""


def reporter(
    control: Control, record: Callable[[dict[str, Any]], None],
    short: Callable[[dict[str, Any]], dict[str, Any]] = dict, news: Callable[[dict[str, Any]], int] = lambda found: 0,
) -> Report:  # fmt: skip
    """record is given stage, fraction and short(found): a few times a second, and whenever news(found) changes."""
    last = (0.0, -1)

    def report(fraction: float, text: str, found: dict[str, Any]) -> None:
        nonlocal last
        asked = control.poll()
        if asked:
            raise Stopped(asked)
        now = time.monotonic(), news(found)
        if now[0] - last[0] > EVERY or now[1] != last[1]:
            last = now
            record({"stage": text, "fraction": fraction, **short(found)})

    return report
