"""What a file of an update holds: a gradient, a change of the weights, or the whole weights after the round. No torch.

Flower's and MONAI's clients send whole weights, theta_T. They are told from a change theta_T - theta_0 by their likeness to
the checkpoint theta_0 (`comparing`), which is then subtracted, and a person is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from gi_core.spec.base import SpecError
from gi_core.updates.comparing import Likeness, likeness

Arrays = dict[str, np.ndarray]


def as_change(
    own: Mapping[str, Any], given: Arrays, parameters: list[str], kind: Literal["gradient", "weight_change"],
    contents: Literal["auto", "change", "weights"], name: str,
) -> tuple[Arrays, dict[str, Any], list[str]]:  # fmt: skip
    """(the change, {cosine, ratio, whole}, notices) of what the file `name` holds beside the checkpoint `own`.

    own: tensors by name; given: arrays by the same names; parameters: those that are compared. Raises SpecError where whole
    weights stand for a gradient, and where it cannot be told what the file holds.
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
        return given, facts, []
    if kind == "gradient":
        raise SpecError(
            f"{name} holds whole weights, not a gradient ({_words(found)}): describe the client's training, such as client"
            " fedavg:learning_rate=0.01"
        )
    change = {k: (given[k].astype(np.float64) - before[k].astype(np.float64)).astype(np.float32) for k in given}
    if not any(np.any(change[key]) for key in parameters):
        raise SpecError(f"{name} holds the checkpoint itself: nothing was trained, or the same file was given twice")
    notice = f"{name} holds whole weights ({_words(found)}): the checkpoint was subtracted"
    return change, facts | {"whole": True}, [notice]


def _words(found: Likeness) -> str:
    return f"cosine {found.cosine:.4f} with the checkpoint, {found.ratio:.3g} times its norm"
