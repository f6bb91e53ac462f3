"""A ceiling on memory while a file that a person gave is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gi_core.common.errors import SpecError

PARSE_BYTES = 2 * 2**30


_SAID = ("allocate memory", "bad_alloc", "out of memory", "could not create a memory", "Cannot allocate")


def memory_ran_out(error: BaseException) -> bool:
    """Whether an error of numpy, torch or oneDNN says that there is no more memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in _SAID)
    )


def limit_growth(extra: int) -> tuple[int, int]:
    """Let this process's address space grow by at most `extra` bytes from now on; the limits (soft, hard) before.

    Raises ImportError or OSError where the system knows no such limit.
    """
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    known = [limit for limit in before if limit != resource.RLIM_INFINITY]
    most = min([pages * os.sysconf("SC_PAGE_SIZE") + extra, *known])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    return before


@contextmanager
def memory_limit(extra: int = PARSE_BYTES) -> Iterator[None]:
    """Let the address space grow by at most `extra` bytes inside; a file that wants more is refused.

    Where the system knows no such limit, this does nothing. Raises SpecError.
    """
    try:
        import resource

        soft, hard = limit_growth(extra)
    except (ImportError, OSError):
        yield
        return
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not memory_ran_out(error):
            raise
        raise SpecError(
            f"reading the file needs more than {extra / 2**30:.0f} GiB of memory: give a smaller one"
        ) from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
