"""How many threads a process uses: one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def one_thread() -> None:
    """One thread for torch and for the BLAS of numpy and scipy.

    Two on a busy machine of two cores are ten times slower than one, and the order of sums stays the same.
    """
    import scipy.linalg  # noqa: F401 - loads its BLAS, which can be limited only then
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")


@contextmanager
def on_one_thread() -> Iterator[None]:
    """The same inside a program of somebody else's, whose threads come back afterwards."""
    import scipy.linalg  # noqa: F401
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
