"""A file that a person gave is read first by a child process that may be ended: under a limit of memory and a deadline.

Readers bound what they can before they allocate, but none can promise how long a foreign library takes over a file made to
harm. So the child reads it once and only says whether that went well. Then the process itself reads it, and knows that this
ends. A fork takes some milliseconds and copies no memory; where a system cannot fork safely, the file is read at once.
"""

from __future__ import annotations

import math
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from gi_core.common.errors import SpecError
from gi_core.common.memory_limit import limit_growth

LEAST_SECONDS, SECONDS_PER_GIB = 2, 4
"""Processor time that reading any file may take, and more for each GiB that it unpacks to. A gigabyte of weights takes about two."""
MOST_RATIO = 16
"""A file's claim of what it unpacks to counts up to this many times its own length: the claim alone buys it no time."""
WALL_SECONDS = 120
"""A child that waits for a disk is given up after this long."""
MOST_MEMORY = 5 * 2**29
"""Bytes that reading may add: weights of 2 GiB, and what is worked out on the way."""
_KEPT, _DONE = 256, b"\0"
_known: dict[Hashable, str] = {}
_inside = False


def vetted(path: Path, name: str, read: Callable[[], object], size: int = 0) -> None:
    """Let a child call `read` on the file `path`, which a person calls `name`. Raises SpecError where it is refused or too slow.

    size: bytes that it says it unpacks to. A small file has `LEAST_SECONDS` at most, so that others do not wait long
    for it. A file that did not change is not read twice.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise SpecError(f"cannot read {name}: {error.strerror or error}") from None
    mark = (str(path.absolute()), status.st_ino, status.st_size, status.st_mtime_ns)
    seconds = LEAST_SECONDS + int(SECONDS_PER_GIB * max(min(size, MOST_RATIO * status.st_size), status.st_size) / 2**30)
    tried(mark, name, read, Bounds(seconds))


@dataclass(frozen=True)
class Bounds:
    """seconds of processor time, bytes of memory that reading may add, and what to do about a file that needs more."""

    seconds: int
    memory: int = MOST_MEMORY
    advice: str = "save it again, best as safetensors"


def tried(mark: Hashable, name: str, read: Callable[[], object], bounds: Bounds) -> None:
    """Let a child call `read` within bounds, once for each mark. Raises SpecError with one sentence.

    Inside a child, and where the system is not Linux, nothing happens.
    """
    if _inside or not sys.platform.startswith("linux"):
        return
    if mark not in _known:
        if len(_known) >= _KEPT:
            _known.pop(next(iter(_known)))
        _known[mark] = _fault(read, name, bounds)
    if _known[mark]:
        raise SpecError(_known[mark])


def _fault(read: Callable[[], object], name: str, bounds: Bounds) -> str:
    """What is wrong with the file; "" where nothing is."""
    end, answer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads hold nothing that the child needs
        child = os.fork()
    if child == 0:
        _try(read, name, answer, bounds)
    os.close(answer)
    said = None
    try:
        said = _heard(end, time.monotonic() + WALL_SECONDS)
    finally:
        os.close(end)
        if said is None:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if said is not None and said.endswith(_DONE):
        return said[:-1].decode()
    if ended in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"reading {name} takes longer than {bounds.seconds} seconds: {bounds.advice}"
    return f"reading {name} ended a process, so it is damaged: {bounds.advice}"


def _heard(end: int, until: float) -> bytes | None:
    """Everything that the child writes, up to its closing mark; None where the time is over."""
    said = b""
    while not said.endswith(_DONE):
        if not select.select([end], [], [], max(0.0, until - time.monotonic()))[0]:
            return None
        part = os.read(end, 4096)
        if not part:
            break
        said += part
    return said


def _try(read: Callable[[], object], name: str, answer: int, bounds: Bounds) -> NoReturn:
    """In the child: read, write what is wrong to the pipe, and exit without touching the parent's files."""
    global _inside
    said = ""
    try:
        _inside = True
        _limit(bounds)
        read()
    except SpecError as error:
        said = str(error)
    except MemoryError:
        said = f"reading {name} needs more than {bounds.memory / 2**30:.1f} GiB of memory: give a smaller file"
    except BaseException:  # noqa: BLE001 - the parent meets the same, and says it in its own way
        pass
    finally:
        with suppress(BaseException):
            os.write(answer, said.replace("\0", "").encode("utf-8", "replace")[:4000] + _DONE)
        os._exit(0)


def _limit(bounds: Bounds) -> None:
    import resource

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime) + bounds.seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_growth(bounds.memory)
