"""What a far job reported or brought back, written into the store as if it had run beside it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gi_core.common import whole_files
from gi_core.jobs.job import FINISHED, Point
from gi_core.jobs.rows import encode
from gi_core.jobs.sink import StoreSink
from gi_core.settings import SpecError
from gi_core.workers.executors import parcel
from gi_core.workers.executors.afar import picture
from gi_core.workers.executors.base import Event


@dataclass(frozen=True)
class Ending:
    """how: finish, release or requeue, as `jobs.writer` has them; the rest belongs to finish."""

    how: str
    state: str = ""
    result: dict[str, Any] | None = None
    error: str | None = None


def apply(event: Event, sink: StoreSink) -> None:
    """Write an event into the store. One that makes no sense is dropped, as it came over a network. Raises Lost, DiskFull."""
    values = event.values
    try:
        if event.what == "record":
            sink.record(dict(values[0]), [Point(**p) for p in values[1]])
        elif event.what == "snapshot":
            sink.snapshot(int(values[0]), picture(values[1]))
        elif event.what == "originals":
            sink.originals(picture(values[0]))
        else:
            kind = int if event.what in ("thin_points", "forget_points") else str
            getattr(sink, event.what)(kind(values[0]))
    except (TypeError, ValueError, IndexError):
        return


def take(data: bytes, sink: StoreSink, applied: dict[str, set[int]]) -> Ending:
    """Write files, curves and log of a parcel into the store; returns how the job ended.

    applied: by token of a start, numbers of its events that are in the store already. Raises SpecError for what is no parcel, Lost, DiskFull.
    """
    sink.forget_points(0)  # snapshots of a start that was lost are none of this one's
    report = parcel.unpack(data, sink.folder)
    try:
        points = [Point(**p) for p in report["points"]]
        known = applied.get(report["token"], set())
        for number, what, text in report["said"]:
            if number not in known and what in ("log", "notice"):
                getattr(sink, what)(str(text))
        ending = Ending(*report["ending"])
        if ending.how == "finish" and ending.state not in FINISHED:
            raise ValueError(ending.state)
        sink.record(dict(report["progress"]), points)
    except (KeyError, TypeError, ValueError):
        raise SpecError("what came back is no result") from None
    if ending.result is not None:
        ending.result["out"] = str(sink.folder)  # it was in a folder over there
        if (sink.folder / "result.json").is_file():
            text = encode(ending.result).encode()
            whole_files.write(sink.folder / "result.json", lambda file: file.write(text))
    return ending
