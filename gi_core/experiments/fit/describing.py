"""Whether the client as described would send this update of its own pictures: what only the client itself can ask.

r = min_a |a g(x) - g*| / |g*| of the pictures x that it has. An attack knows nothing of this.
"""

from __future__ import annotations

import numpy as np
import torch

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.explaining import MARGIN, beside, compared, rounding
from gi_core.attacks.labels import strategies
from gi_core.experiments.audit import Own
from gi_core.experiments.fit import traces
from gi_core.experiments.fit.whiteness import sizes
from gi_core.experiments.recorded import comparison, saying
from gi_core.experiments.setup import Question
from gi_core.update_files import misfit

FITS = 0.01
"""r up to which a label that was read is the right one."""
MOST_LABELS = 1000


def own(question: Question, references: np.ndarray) -> Own | None:
    """What the pictures (N, C, H, W) in [0, 1] explain of the update; None where they cannot be played.

    Their labels are those of the question, else those that fit best of one picture.
    """
    done = question.round
    images = torch.from_numpy(np.ascontiguousarray(references))
    played = ((beside(done.update, done.knowledge, images, labels), labels) for labels in _labels(question))
    found = [(compared(*both), both, labels) for both, labels in played if both is not None]
    if not found:
        return None
    best, both, labels = min(found, key=lambda one: one[0][0])
    if not np.isfinite(best[0]):
        return None
    random = "random" in traces.kinds(done.update, done.knowledge)
    causes: list[str] = []
    read = (
        comparison.reading(done.update, done.knowledge)
        if done.update.images == 1 and not done.knowledge.defenses
        else None
    )
    if read is not None and best[0] > FITS:
        causes = misfit.causes(*read[:1], done.knowledge.loss, read[1].misfit) if read[1].misfit > saying.SEEN else []
    noise = sizes(*both) if random else None
    exact = rounding(done.update, done.knowledge)
    missing = traces.missing(done.update, done.knowledge, *both, MARGIN * exact, images, labels)
    return {"unexplained": best[0], "scale": best[1], "causes": causes, "noise": noise, "missing": missing}


def _labels(question: Question) -> list[torch.Tensor]:
    """Labels (N,) to try, the likeliest first."""
    given, update, knowledge = question.experiment.labels, question.round.update, question.round.knowledge
    if given is not None:
        return [torch.tensor(given, dtype=torch.int64)]
    if update.images > 1:
        return []
    try:
        gradient = as_mean_gradient(update, knowledge.schedule, knowledge.model)
        return [strategies.hard_labels("auto", gradient, knowledge)]
    except Refused:
        return [torch.tensor([k]) for k in range(min(max(2, knowledge.classes), MOST_LABELS))]
