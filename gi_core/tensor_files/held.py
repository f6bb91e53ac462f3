"""Tensors that a Python process holds under a name, in place of a file: `memory:NAME`.

Only the Python interface puts something here. In every other process, a worker of the page's among them, nothing is held, so
a reference that came from elsewhere names nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.settings.own_network import MEMORY

_HELD: dict[str, dict[str, np.ndarray]] = {}


@contextmanager
def holding(arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Hold arrays by name; the reference that stands for them, until the block ends."""
    reference = MEMORY + secrets.token_hex(6)
    _HELD[reference] = dict(arrays)
    try:
        yield reference
    finally:
        del _HELD[reference]


def is_held(reference: str) -> bool:
    """Whether the reference is one of memory, held or not."""
    return reference.startswith(MEMORY)


def held(reference: str) -> dict[str, np.ndarray]:
    """The arrays by name. Raises SpecError where nothing is held under it."""
    if reference not in _HELD:
        raise SpecError("this update was held by a Python program that has ended: run that program again")
    return dict(_HELD[reference])
