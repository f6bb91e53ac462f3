"""One SQLite file in WAL mode, with a connection for each thread."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gi_core.common.disk import disk
from gi_core.jobs.schema import migrate

BUSY_SECONDS = 15.0


def _decoded(content: bytes) -> str:
    """Text of a column; unreadable bytes of a damaged one are replaced."""
    return content.decode("utf-8", "replace")


class Database:
    """Reads and transactions on `folder/store.sqlite`; safe from threads and processes.

    WAL needs a local disk: readers never wait for the writer, a writer waits `BUSY_SECONDS`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "store.sqlite"
        self._local = threading.local()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened and migrated on first use."""
        found = getattr(self._local, "connection", None)
        if found is None:
            with disk(self.folder):
                self._create()
                found = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)
                found.row_factory = sqlite3.Row
                found.text_factory = _decoded
                found.execute("PRAGMA journal_mode = WAL")
                found.execute("PRAGMA synchronous = NORMAL")
                migrate(found)
            self._local.connection = found
        return found

    def _create(self) -> None:
        """For its owner, wherever it is. A file that is there is not opened: closing it would drop the locks that
        other threads' connections hold (POSIX), and the next process to leave would take their WAL away."""
        with suppress(FileExistsError):
            os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def rows(self, sql: str, values: tuple = ()) -> list[sqlite3.Row]:
        """All rows of a query. Raises SpecError where the store is damaged."""
        with disk(self.folder):
            return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: tuple = ()) -> sqlite3.Row | None:
        """The first row of a query, or None. Raises SpecError where the store is damaged."""
        with disk(self.folder):
            return self.connection.execute(sql, values).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All statements inside happen, or none. Raises DiskFull."""
        connection = self.connection
        with disk(self.folder):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def write(self, sql: str, values: tuple = ()) -> int:
        """One statement as a transaction; how many rows it changed. Raises DiskFull."""
        with disk(self.folder):
            return self.connection.execute(sql, values).rowcount

    def close(self) -> None:
        """Close this thread's connection."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None
