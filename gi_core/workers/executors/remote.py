"""A job on the worker's side of an engine: `workers.duties.do`, far from the store."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from gi_core import __version__
from gi_core.jobs.job import Job
from gi_core.jobs.rows import encode
from gi_core.settings import SpecError
from gi_core.workers.executors import parcel
from gi_core.workers.executors.afar import FarWriter

NICE = 15
_ASKED: dict[str, str] = {}
_ONE = threading.Lock()
_QUESTIONS: list = []


def order(job: Job) -> str:
    """A job as it travels: JSON, and nothing that only this machine understands."""
    sent = {"id": job.id, "kind": job.kind, "spec": job.spec, "version": __version__, "host": socket.gethostname()}
    return encode(sent)


def ask(job_id: str, how: str) -> None:
    """Called in the worker's process: the job obeys between two iterations."""
    _ASKED[job_id] = how


def perform(
    text: str, checkpoint: bytes | None, tell: Callable[[str], None], wanted: Callable[[], bool], where: str = ""
) -> bytes:
    """Do the job of an `order` in a folder of its own; the parcel with all that came of it, a failure included.

    checkpoint: of an earlier start. tell: takes the text of an `Event`. wanted: whether anybody still waits for it.
    One job at a time and one thread: more on the same cores are slower, and the order of sums stays the same.
    """
    with _ONE, TemporaryDirectory(prefix="gi-") as place:
        asked = json.loads(text)
        job_id = asked["id"]
        _ASKED.pop(job_id, None)
        writer = FarWriter(job_id, Path(place), tell, lambda: _ASKED.get(job_id, "") if wanted() else "cancel")
        writer.begin(socket.gethostname(), os.getpid(), where)
        if checkpoint is not None:
            (writer.place / "checkpoint.pt").write_bytes(checkpoint)
        if asked["version"] == __version__:
            _do(asked, writer)
        else:
            writer.finish(
                job_id, "failed", error=f"it has version {__version__} of this program, not {asked['version']}"
            )
        if asked["host"] != socket.gethostname():
            _say_where(writer)
        _ASKED.pop(job_id, None)
        return _packed(writer)


def _do(asked: dict, writer: FarWriter) -> None:
    from gi_core.common.threads import one_thread
    from gi_core.experiments import setup
    from gi_core.jobs.sink import StoreControl
    from gi_core.workers import duties

    one_thread()
    if not _QUESTIONS:
        _QUESTIONS.append(setup.Questions())
    job = Job(
        id=asked["id"], kind=asked["kind"], spec=asked["spec"], title="", state="running", lane="batch", parent=None,
        owner="", created=0.0, started=None, finished=None,
    )  # fmt: skip
    duties.do(job, writer, StoreControl(writer, job.id), _QUESTIONS[0])


def stand_back(text: str) -> None:
    """For a worker's process on the machine that gave the order: persons' runs go first, Ctrl-C at their terminal is not
    meant for it, and it is a session of its own, as a worker of the store is: some systems share out time by sessions."""
    if json.loads(text)["host"] != socket.gethostname():
        return
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    with suppress(OSError):  # it leads a group already
        os.setsid()


def _say_where(writer: FarWriter) -> None:
    """Add the machine's name to a failure, as a file that is there for the sender may be missing here."""
    if writer.ending[:2] == ["finish", "failed"]:
        said = f"{writer.ending[3]} (said by the worker on {socket.gethostname()}, which reads its own files and data sets)"
        writer.finish(writer.job_id, "failed", writer.ending[2], said)


def _packed(writer: FarWriter) -> bytes:
    try:
        return parcel.pack(writer.report(), writer.place)
    except SpecError as error:
        writer.finish(writer.job_id, "failed", error=str(error))
        for path in writer.place.rglob("*"):
            if path.is_file():
                path.unlink()
        return parcel.pack(writer.report(), writer.place)


__all__ = ["ask", "order", "perform", "stand_back"]
