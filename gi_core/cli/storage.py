"""The store as a command opens it."""

from __future__ import annotations

from gi_core.jobs import recovery
from gi_core.jobs.processes import Processes
from gi_core.jobs.store import Store


def open_store() -> Store:
    """The store, once runs of commands that died (kill -9, power) wait, paused, to be resumed.

    The dashboard's dispatcher does the same; without a dashboard nobody else would.
    """
    store = Store(asker="command line")
    processes = Processes(store.database)
    for entry in processes.all("command"):
        if not entry.alive:
            recovery.recover(store.database, store.runs, entry.id, "command")
            processes.leave(entry.id)
    return store
