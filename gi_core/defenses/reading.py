"""What a server knows of a client's defense when it only has the update: its settings, and what the update shows.

The words are those of `Defense.known`, which attacks read (`attacks.adaptive.undoing`), and each defense reads its own
(`Defense.read`). A mask is where values are not zero; the cells of a quantisation are read off its levels; the noise of
DP-SGD and of a percentile follows from settings, schedule and update.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from gi_core.common.errors import SpecError
from gi_core.defenses import class_of
from gi_core.defenses.base import Sent
from gi_core.settings.defense_base import DefenseSettings
from gi_core.types.updates import Schedule, Update


def read_defense(
    settings: DefenseSettings, model: nn.Module, update: Update, schedule: Schedule | None
) -> dict[str, Any]:
    """`Defense.known` of a defense that was applied elsewhere, to `update` as it was sent. Raises SpecError."""
    return {"kind": settings.kind, **class_of(settings).read(settings, Sent(model, update, schedule))}


def not_sent(update: Update, known: tuple[dict[str, Any], ...]) -> Update:
    """`update` without what the client is known to have withheld."""
    names = {name for one in known for name in one.get("withheld", ())} | set(update.withheld)
    if names == set(update.withheld):
        return update
    if len(names) == len(update.tensors):
        raise SpecError("withheld_layers leaves nothing of this update: withhold fewer tensors")
    tensors = {k: torch.zeros_like(t) if k in names else t for k, t in update.tensors.items()}
    return replace(update, tensors=tensors, withheld=tuple(k for k in tensors if k in names))
