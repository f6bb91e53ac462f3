"""Losses of a person's own, which only the Python process that made them can compute: `memory:NAME`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

from gi_core.common.errors import SpecError
from gi_core.settings.own_network import MEMORY
from gi_core.types.loss_terms import OwnLoss

_HELD: dict[str, OwnLoss] = {}


@contextmanager
def holding(function: Callable[[Tensor, Tensor], Tensor] | None, targets: Tensor | None) -> Iterator[str]:
    """Hold a loss (outputs, targets) -> scalar; the reference that stands for it, until the block ends. "" of None."""
    if function is None:
        yield ""
        return
    reference = MEMORY + secrets.token_hex(6)
    _HELD[reference] = OwnLoss(function, targets)
    try:
        yield reference
    finally:
        del _HELD[reference]


def held(reference: str) -> OwnLoss | None:
    """The loss; None of "". Raises SpecError where nothing is held under it."""
    if not reference:
        return None
    if reference not in _HELD:
        raise SpecError("the loss of this client was held by a Python program that has ended: run that program again")
    return _HELD[reference]
