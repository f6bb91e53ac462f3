"""What a file of an update holds: a gradient, a change of the weights, or the whole weights after the round. No torch.

Flower's and MONAI's clients send whole weights, theta_T. Their likeness to the checkpoint theta_0 tells them from a change
theta_T - theta_0 (`comparing`). It is then subtracted, and a notice says so. Of weights that were sent in 16 bits the
difference is theta_T - theta_0 up to half a cell of the rounding, and that is part of what is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.update_files.comparing import Likeness, cells, likeness, sixteen, to_sixteen

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Contents:
    """change: by name. facts: {cosine, ratio, whole}. moved: what tells frozen layers, zeros where nothing moved. rounding:
    width of each value's cell, of whole weights in 16 bits.
    """

    change: Arrays
    facts: dict[str, Any]
    moved: Arrays
    notices: list[str] = field(default_factory=list)
    rounding: Arrays | None = None


def as_change(
    own: Mapping[str, Any], given: Arrays, parameters: list[str], kind: Literal["gradient", "weight_change"],
    contents: Literal["auto", "change", "weights"], name: str,
) -> Contents:  # fmt: skip
    """What the file `name` holds beside the checkpoint `own`.

    own: tensors by name; given: arrays by the same names; parameters: those that are compared. Raises SpecError where whole
    weights stand for a gradient, and where the file may hold either.
    """
    before = {key: own[key].detach().cpu().numpy() for key in given}
    found = likeness(given, before, parameters)
    facts = {"cosine": found.cosine, "ratio": found.ratio, "whole": False}
    whole = contents == "weights" or (contents == "auto" and found.whole)
    if contents == "auto" and found.doubtful and kind == "weight_change":
        raise SpecError(
            f"{name} may hold whole weights or a change ({_words(found)}): say which with recorded.contents=weights or change"
        )
    if not whole:
        return Contents(given, facts, given)
    if kind == "gradient":
        raise SpecError(
            f"{name} holds whole weights, not a gradient ({_words(found)}): describe the client's training, such as client"
            " fedavg:learning_rate=0.01"
        )
    change = {k: (given[k].astype(np.float64) - before[k].astype(np.float64)).astype(np.float32) for k in given}
    bits = sixteen(given[key] for key in parameters)
    moved = change if bits is None else {key: given[key] - to_sixteen(before[key], bits) for key in given}
    if not any(np.any(moved[key]) for key in parameters):
        lost = f", or what was trained is lost in the rounding to {bits}" if bits else ""
        raise SpecError(
            f"{name} holds the checkpoint itself: nothing was trained{lost}, or the same file was given twice"
        )
    notices = [f"{name} holds whole weights ({_words(found)}): the checkpoint was subtracted"]
    rounding = None
    if bits:
        rounding = {key: cells(given[key], bits) for key in parameters}
        notices.append(_rounded(bits, [change[key] for key in parameters], list(rounding.values())))
    return Contents(change, facts | {"whole": True}, moved, notices, rounding)


def _rounded(bits: str, change: list[np.ndarray], widths: list[np.ndarray]) -> str:
    square, noise, values = _square(change), _square(widths) / 12, sum(w.size for w in widths)
    size = f"{math.sqrt(noise / values):.1e}"
    head = f"the weights were sent in 16 bits ({bits})"
    if noise >= square / 2:
        return f"{head}: what is left of the update is mostly rounding, of {size} in a value"
    share = 100 * math.sqrt(noise / square)
    return f"{head}: what is left of the update below {size} is rounding, {share:.2g} % of its length"


def _square(parts: list[np.ndarray]) -> float:
    return sum(float(np.square(p.astype(np.float64)).sum()) for p in parts)


def _words(found: Likeness) -> str:
    return f"cosine {found.cosine:.4f} with the checkpoint, {found.ratio:.3g} times its norm"
