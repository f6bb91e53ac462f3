"""The files of one recorded round as a network and an Update: what `clients.play` gives for a round played here."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.settings.recorded_round import MISSING, Recorded
from gi_core.tensor_files.asides import extras, set_aside
from gi_core.tensor_files.held import held, is_held
from gi_core.tensor_files.naming import COUNTER, Names, aligned, chosen, gapped, hint, match, mismatch, schemes
from gi_core.tensor_files.reading import as_numbers, is_torch, path_of, read_arrays, refuse_nonfinite
from gi_core.tensor_files.transformers import adopt
from gi_core.tensor_files.weights import load_checkpoint, read_state, shapes
from gi_core.types.updates import Update
from gi_core.update_files import comparing
from gi_core.update_files.contents import as_change
from gi_core.update_files.writing import after

DISAGREE = 1e-3
"""Relative difference between two files' statistics above which there is a notice."""


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
    """(float32 arrays by name, whether in the network's order, the file's name). A `.pt` of tensors is taken too: of a list
    each has its place as its name. What Python holds is as it was given, in double precision too.
    """
    if is_held(reference):
        return held(reference), False, "the update"
    path, name = path_of(reference)
    if is_torch(path):
        state = {key: value.float().numpy() for key, value in read_state(path, name, update=True).items()}
        return as_numbers(dict(state), name, finite), True, name
    return *read_arrays(path, name, finite), name


def read_update(
    before: nn.Module,
    recorded: Recorded,
    kind: Literal["gradient", "weight_change"] = "weight_change",
    sparse: bool = False,
) -> tuple[Update, dict[str, Any]]:
    """(update, info) of what the client sent, for the network `before` its round. Raises SpecError.

    statistics: of the statistics file, else checkpoint + change, where the update has them; counters are checkpoint
    + change. sparse: whether the client is known to clear values, so that zeros are no sign of a frozen layer. info: scheme,
    names (ours -> the file's), table (our names and the file's, where they differ by more than a prefix), steps (by the counters, None where there are
    none), statistics_from (file, change or none), cosine and ratio (to the checkpoint), whole (whether whole weights were
    subtracted), frozen (names), notices (sentences). Zeros stand for what was not sent, and frozen layers count as that.
    """
    given, ordered, name = arrays(recorded.update)
    own = before.state_dict()
    renamed = adopt(shapes(own), given)
    if renamed is not None:
        given = renamed.given(given)
    parameters = [key for key, _ in before.named_parameters()]
    lacking, withheld = _withheld(parameters, recorded)
    aside = extras(_sizes(given), shapes(own))
    found = _aligned(own, parameters, given, name, ordered, withheld, lacking, aside)
    aside = [key for key in aside if key not in found.given.values()]
    refuse_nonfinite({key: given[old] for key, old in found.given.items()}, name)
    change = {key: given[old].reshape(tuple(own[key].shape)) for key, old in found.given.items()}
    if lacking:
        withheld = tuple(key for key in parameters if key in withheld or key not in change)
    there = [key for key in parameters if key in change and key not in withheld]
    if not there:
        raise SpecError(f"nothing is left of {name}: no tensor of this network was sent")
    held = as_change(own, change, there, kind, recorded.contents, name)
    change, notices = held.change, [*([set_aside(name, aside)] if aside else []), *held.notices]
    statistics, source, said = _statistics(own, change, recorded.statistics)
    if statistics is not None:
        for key in (k for k in change if k.endswith(COUNTER)):
            statistics[key] = own[key].cpu() + round(float(change[key]))
    frozen = () if sparse else comparing.frozen(held.moved, there)
    if frozen:
        notices.append(
            f"these layers look frozen, as all their values are {'zero' if held.rounding is None else 'as before'},"
            f" so they are left out: {_layers(frozen)}"
        )
    if lacking and len(there) < len(parameters):
        notices.append(f"not in the file, so taken for not sent: {_layers([k for k in parameters if k not in change])}")
    sent = {key: torch.from_numpy(np.ascontiguousarray(change[key])) for key in there}
    tensors = {key: sent[key] if key in sent else torch.zeros(tuple(own[key].shape)) for key in parameters}
    left_out = tuple(key for key in parameters if key in withheld or key in frozen)
    widths = {key: torch.from_numpy(held.rounding[key]) for key in there} if held.rounding is not None else None
    update = Update(tensors, recorded.images, kind, statistics, left_out, frozen, widths)
    found = renamed.names(found) if renamed is not None else found
    info = {
        "scheme": found.scheme, "names": found.given, "table": found.table, "steps": counted(change), "statistics_from": source, **held.facts,
        "frozen": list(frozen), "notices": [*notices, *said],
    }  # fmt: skip
    return update, info


def _aligned(
    own: dict[str, Tensor], parameters: list[str], given: dict[str, np.ndarray], name: str, ordered: bool,
    withheld: tuple[str, ...], lacking: bool, aside: list[str],
) -> Names:  # fmt: skip
    """The names, where all but buffers and withheld tensors must be there, or anything may be missing. aside: what may be left
    out of the file.
    """
    if aside:  # not, where the names fit with them: then they are the network's
        found = match(shapes(own), _sizes(given), (set(own) - set(parameters)) | set(withheld), ordered)
        if isinstance(found, Names):
            return found
        given = {key: value for key, value in given.items() if key not in aside}
    numbered = gapped(list(given), parameters)
    if numbered is not None:
        sizes = {key: given[old].shape for key, old in numbered.items()}
        wrong = mismatch({key: tuple(own[key].shape) for key in numbered}, sizes)
        if not wrong:
            return Names(numbered, "places in the list")
    optional = (set(own) - set(parameters)) | set(withheld)
    found = match(shapes(own), _sizes(given), optional, ordered)
    if isinstance(found, str) and lacking:
        found = match(shapes(own), _sizes(given), optional | set(parameters), ordered)
    if isinstance(found, str):
        some = any(key in own for _, renamed in schemes(given) for key in renamed)
        why = "; if what is missing was not sent, say recorded.withheld=missing" if some and "missing" in found else ""
        raise SpecError(f"{name} does not belong to this network: {found}{hint(shapes(own), _sizes(given))}{why}")
    return found


def _withheld(parameters: list[str], recorded: Recorded) -> tuple[bool, tuple[str, ...]]:
    """(whether the file may lack tensors, those that were not sent by the settings). Raises SpecError."""
    names = [name for name in recorded.withheld if name != MISSING]
    withheld = set(chosen(parameters, names, "recorded.withheld")) if names else set()
    if recorded.sent:
        withheld |= set(parameters) - set(chosen(parameters, recorded.sent, "recorded.sent"))
    if len(withheld) == len(parameters):
        raise SpecError("recorded.withheld names every tensor, so there is no update: name those that were not sent")
    return MISSING in recorded.withheld, tuple(key for key in parameters if key in withheld)


def _layers(names: Collection[str], most: int = 6) -> str:
    """Modules of the tensors, each once."""
    modules = list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
    return ", ".join(modules[:most]) + (f" and {len(modules) - most} more" if len(modules) > most else "")


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
