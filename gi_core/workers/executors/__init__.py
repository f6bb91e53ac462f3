"""Who works on a sweep: this machine's own workers, or an engine that reaches other machines. No torch."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from gi_core.jobs.store import Store
from gi_core.settings import SpecError

NAMES = "local, dask, dask:tls://HOST:PORT or dask:tcp://127.0.0.1:PORT"


class Workforce(Protocol):
    """Looks after a sweep's jobs inside a `with`, until it is left; what runs then is put down, to be resumed."""

    @property
    def note(self) -> str:
        """What it waits for, a sentence for people; "" where nothing is amiss."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def look(self) -> None:
        """One round of work, to be called again and again. Raises SpecError when it can go on no more."""

    def wait(self, seconds: float) -> None:
        """Sleep, at most until something has ended."""


def chosen(name: str, store: Store, sweep: str, workers: int | None = None) -> Workforce:
    """`local`: the store's own workers. `dask`: that many worker processes here; `dask:ADDRESS`: a scheduler's.

    sweep: id of the sweep whose jobs an engine takes (local workers take whatever waits). workers: how many processes
    on this machine; as many as cores when left out. Raises SpecError: no such name, or the engine is not installed.
    """
    check(name, workers)
    kind, _, address = name.partition(":")
    if kind == "local":
        from gi_core.workers.executors.local import Local

        return Local(store, workers)
    from gi_core.workers.executors.coordinator import Coordinator
    from gi_core.workers.executors.dask_engine import Dask

    return Coordinator(store, Dask(address, workers), sweep)


def check(name: str, workers: int | None = None) -> None:
    """Raises SpecError for what is wrong with a name, before anything is queued or started."""
    kind, colon, address = name.partition(":")
    if workers is not None and workers < 1:
        raise SpecError(f"{workers} workers do no work: give 1 or more")
    if kind == "dask":
        from gi_core.workers.executors.dask_access import installed, refuse_open

        installed()
        if colon:
            refuse_open(address)
        if address and workers is not None:
            raise SpecError("a scheduler's workers are started where they run: leave out --workers")
    elif name != "local":
        raise SpecError(f"there is no executor {name!r}: choose {NAMES}")
