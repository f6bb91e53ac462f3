"""What an attack's answer explains of an update, as its result says it (the mathematics is in `attacks.explaining`)."""

from __future__ import annotations

import math

from torch import Tensor

from gi_core.attacks.explaining import MATCHED, floor, known_noise, residual
from gi_core.experiments.setup import Question
from gi_core.settings import SpecError
from gi_core.types.attacker_parts import Explained
from gi_core.types.updates import Knowledge, Update


def at_floor(update: Update, knowledge: Knowledge, images: Tensor, labels: Tensor) -> Explained:
    """Whether an answer to any update is *matched*; nothing where its round cannot be played again."""
    try:
        found = residual(update, knowledge, images, labels)
        precision, tolerance = floor(update, knowledge)
    except SpecError:
        return {}
    if found is None:
        return {}
    return {"precision": precision, "tolerance": tolerance, "at_floor": found[0] <= tolerance < math.inf}


def explained(question: Question, images: Tensor, labels: Tensor) -> Explained:
    """What an answer explains of a recorded update: images (N, C, H, W) in pixels, labels (N,).

    unexplained is None where the round is too long to be played, or the labels are none of the network's: then it is
    neither matched nor at the floor.
    """
    done = question.round
    precision, tolerance = floor(done.update, done.knowledge)
    found = residual(done.update, done.knowledge, images, labels)
    unexplained, factor = (None, None) if found is None else found
    rest = unexplained if unexplained is not None and math.isfinite(unexplained) else float("inf")
    return {
        "unexplained": unexplained, "fitted_scale": factor, "precision": precision, "tolerance": tolerance,
        "matched": rest <= max(tolerance, MATCHED) < math.inf, "at_floor": rest <= tolerance < math.inf, "noise": known_noise(done.update, done.knowledge),
    }  # fmt: skip
