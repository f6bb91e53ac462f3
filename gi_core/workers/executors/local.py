"""This machine's own workers: they take from the queue whatever waits in their lane."""

from __future__ import annotations

import time

from gi_core.jobs.dispatcher import Dispatcher
from gi_core.jobs.store import Store


class Local:
    """A dispatcher that keeps workers alive while somebody watches; they finish what they have when nobody does."""

    def __init__(self, store: Store, workers: int | None = None) -> None:
        self._dispatcher = Dispatcher(store, ("batch",), workers)

    @property
    def note(self) -> str:
        return self._dispatcher.error

    def __enter__(self) -> Local:
        self._dispatcher.ensure()
        return self

    def __exit__(self, *_: object) -> None:
        self._dispatcher.stop()

    def look(self) -> None:
        self._dispatcher.look()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)
