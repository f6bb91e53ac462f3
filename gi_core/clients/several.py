"""Pictures with several labels each: t_nk = 1 for every label k that picture n has (`multi_label`)."""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.common.errors import SpecError


def multi_hot(labels: Tensor, further: tuple[tuple[int, ...], ...], classes: int) -> Tensor:
    """Labels (N,) and those that each picture has besides -> (N, K) of 0 and 1, float32. Raises SpecError."""
    if len(further) > len(labels):
        raise SpecError(
            f"client.more_labels speaks of {len(further)} pictures, and there are {len(labels)}: put a slash between two"
        )
    everything = [int(k) for k in labels] + [k for part in further for k in part]
    if max(everything) >= classes:
        raise SpecError(f"label {max(everything)} is out of range: the network has classes 0 to {classes - 1}")
    target = torch.zeros(len(labels), classes, device=labels.device)
    target[torch.arange(len(labels)), labels] = 1.0
    for n, part in enumerate(further):
        target[n, list(part)] = 1.0
    return target
