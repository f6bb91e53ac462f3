"""Ctrl-C and SIGTERM: the first asks a command to stop in good order, the second ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interruptible:
    """Work inside `signals` that a person may stop; `stopping` says whether somebody asked."""

    stopping = False

    @contextmanager
    def signals(self) -> Iterator[None]:
        def stop(*_: Any) -> None:
            if self.stopping:
                raise KeyboardInterrupt
            self.stopping = True

        before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
