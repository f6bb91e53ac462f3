"""What an attacker may say of an answer without the truth: matched, and unique or not.

*Matched*: what is left of the update is no more than the update's own error. *Unique*: no other picture nearby explains it as
well (`analysis.uniqueness`). Neither means *right*, which only the original decides.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gi_core.analysis import exposure, twins, uniqueness
from gi_core.attacks import explaining
from gi_core.attacks.seen_by_server import seen_of
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import Question
from gi_core.settings import SpecError
from gi_core.types.result_parts import Certainty
from gi_core.types.updates import Knowledge, Update

TWIN = "twin.png"
TWIN_SECONDS = 8.0
"""Nominal seconds that the search for a twin may take."""
_UNEXAMINED = "Whether another picture explains the update as well was not examined"


def of(question: Question, images: Tensor, labels: Tensor, folder: Path) -> Certainty:
    """images (N, C, H, W) in pixels, not clamped, and labels (N,): an attack's answer. A twin is drawn into the folder."""
    update, knowledge = question.round.update, question.round.knowledge
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std))
    x = (images.detach().cpu().double() - mean) / std
    labels = labels.cpu()
    try:
        client, seen = seen_of(update, knowledge, recorded=question.facts is not None)
        uniqueness.refuse(client, x, seen)
        precision, tolerance = explaining.floor(update, knowledge)
        rest = explaining.residual(update, knowledge, images, labels)
        if rest is None:
            return _nothing(f"{_UNEXAMINED}: the round cannot be played again with this answer.")
        if not rest[0] <= tolerance:
            return _nothing(_unmatched(rest[0], precision))
        named = _targets(update, knowledge, labels)
        if knowledge.earlier:
            looked = exposure.examine(knowledge, x, named, explaining.counted(precision))
        else:
            looked = uniqueness.examine(client, x, named, explaining.counted(precision), rest[0], seen)
    except SpecError as why:
        return _nothing(f"{_UNEXAMINED}: {why}.")
    found: Certainty = {
        "unique": looked.unique, "free_directions": None if looked.how == "open" else looked.free,
        "at_least": looked.at_least, "directions": looked.directions, "error_to_expect": looked.expected_error,
        "weakest": looked.weakest, "examined": looked.how, "sentence": _sentence(looked),
    }  # fmt: skip
    affordable = int(TWIN_SECONDS / uniqueness.product_seconds(client, x, seen))
    most = min(twins.BUDGET, affordable) if looked.free and not knowledge.earlier else 0
    twin = twins.find(client, images, named, looked.null, seen, most) if most else None
    if twin is not None:
        save_png(folder / TWIN, sheet(twin.picture.clamp(0, 1).numpy()))
        left = explaining.residual(update, knowledge, twin.picture, labels)
        found["twin"] = {"file": TWIN, "apart": twin.apart, "residual": left[0] if left else None}
    return found


def _targets(update: Update, knowledge: Knowledge, labels: Tensor) -> Tensor:
    """The labels that the answer is played with: (N,), or (N, K) of several each."""
    if knowledge.loss != "multi_label":
        return labels
    several = explaining.label_sets(update, knowledge)
    return labels if several is None else several.cpu()


def _nothing(sentence: str) -> Certainty:
    return {
        "unique": None,
        "free_directions": None,
        "directions": None,
        "error_to_expect": None,
        "examined": None,
        "sentence": sentence,
    }


def _unmatched(rest: float, precision: float) -> str:
    share = "an unknown share" if not rest < float("inf") else f"{100 * rest:.2g} %"
    return f"Not matched: {share} of the update stays unexplained, where its own error leaves {100 * precision:.1g} %."


def _sentence(found: uniqueness.Uniqueness) -> str:
    error = "" if found.expected_error is None else f" Expected error: about {found.expected_error:.1g} per pixel."
    if found.how == "open":
        return (
            f"Matched. Whether another picture explains the update as well is open: none of {found.directions} directions of the"
            f" picture was found that does not show, and none is excluded that shows less than {found.weakest:.1g}."
        )
    if not found.free:
        sure = ", but for one case in a million" if found.how == "bounded" else ""
        return f"Matched, and unique nearby: every direction of the picture shows in the update{sure}.{error}"
    count = f"at least {found.free}" if found.at_least else f"{found.free}"
    least = error.replace("about", "at least") if found.at_least else error
    return (
        f"Matched, not unique: {count} of {found.directions} directions of the picture do not show in the update, so other"
        f" pictures explain it as well.{least}"
    )
