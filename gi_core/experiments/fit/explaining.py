"""What an attack's answer explains of an update, as its result says it (the mathematics is in `attacks.explaining`)."""

from __future__ import annotations

import math

from torch import Tensor

from gi_core.attacks.explaining import MATCHED, floor, known_noise, residual
from gi_core.experiments.setup import Question
from gi_core.settings import SpecError
from gi_core.types.attacker_parts import Explained
from gi_core.types.updates import Knowledge, Update


def left(update: Update, knowledge: Knowledge, images: Tensor, labels: Tensor) -> tuple[float, float] | None:
    """(r, a) of an answer: images (N, C, H, W) in pixels, labels (N,). None where its round cannot be played again."""
    try:
        return residual(update, knowledge, images, labels)
    except SpecError:
        return None


def at_floor(update: Update, knowledge: Knowledge, found: tuple[float, float] | None) -> Explained:
    """Whether an answer to any update is *matched*; nothing where its round cannot be played again. found: of `left`."""
    if found is None:
        return {}
    try:
        precision, tolerance = floor(update, knowledge)
    except SpecError:
        return {}
    return {"precision": precision, "tolerance": tolerance, "at_floor": found[0] <= tolerance < math.inf}


def explained(question: Question, found: tuple[float, float] | None) -> Explained:
    """What an answer explains of a recorded update. found: of `left`.

    unexplained is None where the round is too long to be played, or the labels are none of the network's: then it is
    neither matched nor at the floor.
    """
    done = question.round
    precision, tolerance = floor(done.update, done.knowledge)
    unexplained, factor = (None, None) if found is None else found
    rest = unexplained if unexplained is not None and math.isfinite(unexplained) else float("inf")
    return {
        "unexplained": unexplained, "fitted_scale": factor, "precision": precision, "tolerance": tolerance,
        "matched": rest <= max(tolerance, MATCHED) < math.inf, "at_floor": rest <= tolerance < math.inf, "noise": known_noise(done.update, done.knowledge),
    }  # fmt: skip
