"""What clients write beside the tensors: counts of examples, rounds, rates, names, a loss. Single values that are no parameter.

They say nothing of a picture, so they are left out, and a notice says so. No torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from gi_core.tensor_files.naming import COUNTER, LEAVES

Shape = tuple[int, ...]
SHORT = 200
"""Letters or bytes up to which a text is such a value."""
NOTHING = np.empty(0, np.float32)
"""Stands for one that is no number, until it is left out by its name: no parameter has this shape."""
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
SENT = ("model_params", "params", "parameters", "arrays", "data", "update", "delta", "gradients", "grads")
"""Names under which an update lies beside such values, in NVFlare's, Flower's and FedML's messages."""
_PLACE = re.compile(r"(arr_)?\d+")


def aside(value: Any) -> bool:
    """Whether this is a single value: a number, a Boolean, a short text, None. Of arrays the shape decides."""
    if value is None or isinstance(value, (bool, int, float, complex, np.generic)):
        return True
    return isinstance(value, (str, bytes)) and len(value) <= SHORT


def unwrapped(value: Any, tensor: type) -> Any:
    """The dictionary or list of `tensor`s within a message, with the single values beside them; else the value itself."""
    for _ in range(3):
        if isinstance(value, (list, tuple)):
            inner = [part for part in value if isinstance(part, (dict, list, tuple))]
            others = [part for part in value if not isinstance(part, (dict, list, tuple))]
            if len(inner) != 1 or not all(aside(part) for part in others):
                return value
            value = inner[0]
        elif isinstance(value, dict) and not any(_tensors(part, tensor) for part in value.values()):
            found = [key for key in (*WRAPPERS, *SENT) if isinstance(value.get(key), (dict, list, tuple))]
            if not found:
                return value
            value = value[found[0]]
        else:
            return value
    return value


def _tensors(part: Any, tensor: type) -> bool:
    return isinstance(part, tensor) and getattr(part, "ndim", 0) > 0


def extras(given: Mapping[str, Shape], own: Mapping[str, Shape] | None = None) -> list[str]:
    """Names of single values that are no tensor of the network `own`, whatever their prefix. Without `own` names decide.

    A value named by its place, with the shape of one of the network's tensors, is taken for that tensor.
    """
    shapes = set() if own is None else {shape for key, shape in own.items() if not key.endswith(COUNTER)}
    found = []
    for key, shape in given.items():
        if len(shape) > 1 or prod(shape) > 1 or key.rpartition(".")[2] in LEAVES:
            continue
        if shape != NOTHING.shape:
            if _PLACE.fullmatch(key) and (own is None or shape in shapes):
                continue
            if own is not None and any(key == name or key.endswith(f".{name}") for name in own):
                continue
        found.append(key)
    return found


def set_aside(name: str, keys: list[str]) -> str:
    """The sentence about single values of the file `name`."""
    shown = [key if len(key) <= 40 else key[:40] + "…" for key in keys[:6]]
    more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
    verb = "are no tensors" if len(keys) > 1 else "is no tensor"
    return f"left out of {name}: {', '.join(shown)}{more}, which {verb} of the network"
