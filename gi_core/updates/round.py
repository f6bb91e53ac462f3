"""The files of one recorded round as a network and an Update: what `federated.play` gives for a round played here."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.federated.types import Update
from gi_core.models.files import load_checkpoint, read_state, shapes
from gi_core.spec.base import SpecError
from gi_core.spec.recorded import Recorded
from gi_core.updates.naming import COUNTER, aligned
from gi_core.updates.reading import as_numbers, is_torch, path_of, read_arrays
from gi_core.updates.writing import after

DISAGREE = 1e-3
"""Relative difference between two files' statistics above which a person is told."""


def read_round(
    model: nn.Module, recorded: Recorded, kind: Literal["gradient", "weight_change"] = "weight_change"
) -> tuple[nn.Module, Update, dict[str, Any]]:
    """(a copy of `model` with the checkpoint's weights, update, info) of the files. Raises SpecError.

    info: `checkpoint_scheme` and that of `read_update`.
    """
    before = copy.deepcopy(model)
    scheme = load_checkpoint(before, recorded.checkpoint)
    update, info = read_update(before, recorded, kind)
    return before, update, {"checkpoint_scheme": scheme, **info}


def arrays(reference: str, finite: bool = True) -> tuple[dict[str, np.ndarray], bool, str]:
    """(float32 arrays by name, whether in the network's order, the file's name). A `.pt` of tensors is taken too."""
    path, name = path_of(reference)
    if is_torch(path):
        state = {key: value.float().numpy() for key, value in read_state(path, name).items()}
        return as_numbers(dict(state), name, finite), True, name
    return *read_arrays(path, name, finite), name


def read_update(
    before: nn.Module, recorded: Recorded, kind: Literal["gradient", "weight_change"] = "weight_change"
) -> tuple[Update, dict[str, Any]]:
    """(update, info) of what the client sent, for the network `before` its round. Raises SpecError.

    statistics: of the statistics file, else checkpoint + change, where the update has them; counters are checkpoint
    + change. info: scheme, steps (by the counters, None where there are none), statistics_from (file, change or
    none), notices (sentences). Zeros stand for what `recorded.withheld` names.
    """
    given, ordered, name = arrays(recorded.update)
    own = before.state_dict()
    parameters = [key for key, _ in before.named_parameters()]
    buffers = set(own) - set(parameters)
    withheld = _withheld(parameters, recorded.withheld)
    found = aligned(shapes(own), _sizes(given), name, buffers | set(withheld), ordered)
    change = {key: given[old].reshape(tuple(own[key].shape)) for key, old in found.given.items()}
    statistics, source, notices = _statistics(own, change, recorded.statistics)
    if statistics is not None:
        for key in (k for k in change if k.endswith(COUNTER)):
            statistics[key] = own[key].cpu() + round(float(change[key]))
    sent = {key: torch.from_numpy(change[key]) for key in parameters if key not in withheld}
    tensors = {key: sent[key] if key in sent else torch.zeros(tuple(own[key].shape)) for key in parameters}
    update = Update(tensors, recorded.images, kind, statistics, withheld)
    info = {"scheme": found.scheme, "steps": counted(change), "statistics_from": source, "notices": notices}
    return update, info


def _withheld(parameters: list[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Those names, checked: of parameters, and not all of them."""
    unknown = [name for name in names if name not in parameters]
    if unknown:
        raise SpecError(
            f"recorded.withheld names {unknown[0]!r}, which this network has not: its tensors are {', '.join(parameters[:4])} …"
        )
    if len(set(names)) == len(parameters):
        raise SpecError("recorded.withheld names every tensor, so there is no update: name those that were not sent")
    return tuple(dict.fromkeys(names))


def counted(change: dict[str, np.ndarray]) -> int | None:
    """Local steps: by how much batch norm's counters rose, their median (noise may have been added to each)."""
    rises = [float(value.reshape(-1)[0]) for key, value in change.items() if key.endswith(COUNTER)]
    steps = float(np.median(rises)) if rises else 0.0
    return round(steps) if abs(steps - round(steps)) < 0.25 and 1 <= round(steps) <= 10**6 else None


def _sizes(values: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {key: value.shape for key, value in values.items()}


def _statistics(
    own: dict[str, Tensor], change: dict[str, np.ndarray], reference: str | None
) -> tuple[dict[str, Tensor] | None, str, list[str]]:
    """(running statistics after the round, where they come from, notices)."""
    running = {key: tuple(value.shape) for key, value in own.items() if "running" in key}
    summed = {key: after(own[key].cpu().numpy(), change[key]) for key in running if key in change}
    if reference is None:
        whole = running and summed.keys() == running.keys()
        return (_tensors(summed), "change", []) if whole else (None, "none", [])
    if not running:
        raise SpecError("this network has no batch norm statistics: leave the statistics file out")
    given, ordered, name = arrays(reference)
    given = {key: value for key, value in given.items() if "running" in key}
    found = aligned(running, _sizes(given), name, ordered=ordered)
    read = {key: given[old] for key, old in found.given.items()}
    notices = []
    apart = max((_apart(read[key], summed[key]) for key in summed), default=0.0)
    if apart > DISAGREE:
        notices.append(
            f"{name} and the update differ by up to {100 * apart:.2g} % in a layer's statistics: the file is taken"
        )
    return _tensors(read), "file", notices


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / max(float(np.linalg.norm(a)), 1e-12))


def _tensors(values: dict[str, np.ndarray]) -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in values.items()}
