"""What an attacker may say of an answer without the truth: matched, and unique or not.

*Matched*: what is left of the update is no more than the update's own error. *Unique*: no other picture nearby explains it as
well (`analysis.uniqueness`). Neither means *right*, which only the original decides.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gi_core.analysis import twins, uniqueness
from gi_core.attacks import explaining
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import Question
from gi_core.settings import SpecError
from gi_core.types.result_parts import Certainty

TWIN = "twin.png"
_UNEXAMINED = "Whether another picture explains the update as well was not examined"


def of(question: Question, images: Tensor, labels: Tensor, folder: Path) -> Certainty:
    """images (N, C, H, W) in pixels, not clamped, and labels (N,): an attack's answer. A twin is drawn into the folder."""
    update, knowledge = question.round.update, question.round.knowledge
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std))
    x = (images.detach().cpu().double() - mean) / std
    try:
        uniqueness.refuse(knowledge, x)
        precision, tolerance = explaining.floor(update, knowledge)
        rest = explaining.residual(update, knowledge, images, labels)
        if rest is None:
            return _nothing(f"{_UNEXAMINED}: the round cannot be played again with this answer.")
        if not rest[0] <= tolerance:
            return _nothing(_unmatched(rest[0], precision))
        looked = uniqueness.examine(knowledge, x, labels.cpu(), explaining.counted(precision), rest[0])
    except SpecError as why:
        return _nothing(f"{_UNEXAMINED}: {why}.")
    found: Certainty = {
        "unique": looked.free == 0, "free_directions": looked.free, "directions": looked.directions,
        "error_to_expect": looked.expected_error, "sentence": _sentence(looked),
    }  # fmt: skip
    twin = twins.find(knowledge, images, labels.cpu(), looked.null) if looked.free else None
    if twin is not None:
        save_png(folder / TWIN, sheet(twin.picture.clamp(0, 1).numpy()))
        left = explaining.residual(update, knowledge, twin.picture, labels)
        found["twin"] = {"file": TWIN, "apart": twin.apart, "residual": left[0] if left else None}
    return found


def _nothing(sentence: str) -> Certainty:
    return {"unique": None, "free_directions": None, "directions": None, "error_to_expect": None, "sentence": sentence}


def _unmatched(rest: float, precision: float) -> str:
    share = "an unknown share" if not rest < float("inf") else f"{100 * rest:.2g} %"
    return f"Not matched: {share} of the update stays unexplained, where its own error leaves {100 * precision:.1g} %."


def _sentence(found: uniqueness.Uniqueness) -> str:
    error = f"about {found.expected_error:.1g} per pixel"
    if not found.free:
        return (
            f"Matched, and unique nearby: every direction of the picture shows in the update. Expected error: {error}."
        )
    return (
        f"Matched, not unique: {found.free} of {found.directions} directions of the picture do not show in the update, so other"
        f" pictures explain it as well. Expected error: {error}."
    )
