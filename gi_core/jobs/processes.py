"""The processes that share a store: servers that want workers, workers, command lines."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gi_core.jobs import process
from gi_core.jobs.database import Database
from gi_core.jobs.job import new_id

BEAT_SECONDS = 1.0
SERVER_GONE_SECONDS = 15.0
OUT_OF_MEMORY = "memory"


@dataclass(frozen=True)
class Process:
    """id names one life of a process; role is server, worker or command; beat in unix seconds.

    note: of a worker, "starting", "idle", or the id of its job. code: edition of the program. bytes: of memory that it
    last said it held. ended: the exit status that whoever started it saw (`OUT_OF_MEMORY` where the system ended it for
    that), "" while nobody has.
    """

    id: str
    role: str
    lane: str
    pid: int
    pid_started: str
    beat: float
    note: str = ""
    code: int = 0
    bytes: int = 0
    ended: str = ""

    @property
    def alive(self) -> bool:
        return process.alive(self.pid, self.pid_started)


class Processes:
    """The table of processes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def register(
        self, role: str, lane: str = "", *, of: tuple[int, str] | None = None, name: str = "", note: str = ""
    ) -> str:
        """Enter this process, or another one given as (pid, start); the id of its life."""
        name = name or new_id()
        pid, start = of or process.me()
        self.database.write(
            "INSERT OR IGNORE INTO processes (id, role, lane, pid, pid_started, beat, note, code)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (name, role, lane, pid, start, time.time(), note, process.edition()),
        )
        return name

    def say(self, name: str, note: str) -> None:
        """Note what the process is doing."""
        self.database.write("UPDATE processes SET note = ? WHERE id = ?", (note, name))

    def beat(self, name: str, held: int = 0) -> bool:
        """Note that it lives and how many bytes it holds; False where its entry was removed."""
        values = (time.time(), held, name)
        return self.database.write("UPDATE processes SET beat = ?, bytes = ? WHERE id = ?", values) > 0

    def ended(self, pid: int, how: str) -> None:
        """How a worker that this process started has ended."""
        self.database.write("UPDATE processes SET ended = ? WHERE pid = ? AND role = 'worker'", (how, pid))

    def leave(self, name: str) -> None:
        self.database.write("DELETE FROM processes WHERE id = ?", (name,))

    def all(self, role: str, lane: str | None = None) -> list[Process]:
        """Entries of a role, the dead included, longest-lived first."""
        found = self.database.rows("SELECT * FROM processes WHERE role = ? ORDER BY rowid", (role,))
        entries = [Process(**dict(row)) for row in found]
        return [p for p in entries if lane is None or p.lane == lane]

    def served(self) -> bool:
        """Whether a server lives that wants workers kept."""
        limit = time.time() - SERVER_GONE_SECONDS
        return any(p.beat > limit and p.alive for p in self.all("server"))
