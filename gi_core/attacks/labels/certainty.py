"""How many of a batch's labels the update proves, whatever the network makes of the pictures."""

from __future__ import annotations

import torch

from gi_core.attacks.base import Refused
from gi_core.attacks.labels.guesses import Guesses
from gi_core.attacks.labels.iterative import least_of
from gi_core.attacks.labels.last_layer import shown
from gi_core.attacks.labels.spanned import compositions, possible
from gi_core.types.updates import Knowledge, Update

MOST = 1000
"""Counts that are compared with one another."""


def certain(update: Update, knowledge: Knowledge, guessed: Guesses) -> int:
    """Labels that all counts share which the last layer's gradient allows: at least those that must be there, and only classes that can be.

    update: in a gradient's units. guessed: of which the last layer's features alone are used, whether they are ever negative.
    """
    try:
        weight, bias = shown(update, knowledge)
    except Refused:
        return 0
    if bias is None:
        return 0
    least = least_of(weight, bias, guessed[1].positive, update.images, knowledge)
    allowed = possible(weight, bias, update.images, knowledge)
    every = None if allowed is None else compositions(allowed, least, update.images, MOST)
    if every:
        return int(torch.tensor(every).amin(0).sum())
    proved = int(least.sum())
    return proved if proved <= update.images else 0
