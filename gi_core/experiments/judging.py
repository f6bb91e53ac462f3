"""What is said of a run's answer: likeness to the originals, labels, and what the attacker itself can measure."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
from torch import Tensor

from gi_core import data, metrics
from gi_core.attacks.base import Certificate, Step
from gi_core.attacks.labels.report import label_report
from gi_core.experiments import certainty
from gi_core.experiments.fit import explaining
from gi_core.experiments.setup import Question
from gi_core.jobs.rows import finite
from gi_core.settings import sizes
from gi_core.types.attacker_parts import Attacker
from gi_core.types.result_parts import Judged, Labels, LabelsRead


def judge(question: Question, images: np.ndarray, labels: np.ndarray, truth: bool) -> Judged:
    """The reconstructions (N, C, H, W) and labels (N,) beside the originals; nothing without ground truth."""
    if not truth:
        return {"metrics": {}, "per_image": [], "order": None}
    pictures, experiment = question.pictures, question.experiment
    if experiment.recorded is not None:  # its reference stands for the sample
        _, channels, height, width = pictures.images.shape
        own = {"samples": (experiment.recorded.reference,), "channels": channels, "size": sizes.whole(height, width)}
        experiment = experiment.model_copy(update=own)
    true, pool = pictures.labels if pictures.labelled else None, data.candidates(experiment)
    return metrics.evaluate(images, pictures.images, true, labels, candidates=pool, prior=pictures.prior)


def labels(question: Question, recovered: np.ndarray, accuracy: float | None, truth: bool) -> Labels:
    """recovered: (N,) in the order of the originals. accuracy: share of them that are right, None where not measured."""
    pictures, known = question.pictures, truth and question.pictures.labelled
    found: Labels = {
        "true": [int(k) for k in pictures.labels] if known else None,
        "recovered": [int(k) for k in recovered],
        "accuracy": accuracy,
        "names": list(pictures.class_names),
    }
    if known:
        found["strategies"] = _strategies(question)
    return found


def _strategies(question: Question) -> dict[str, LabelsRead]:
    """What each strategy reads from the update, and |both multisets| / N. Refused ones are left out."""
    true = Counter(int(k) for k in question.pictures.labels)
    found: dict[str, LabelsRead] = {}
    for name, answer in label_report(question.round.update, question.round.knowledge).items():
        if not isinstance(answer, str):
            read = [int(k) for k in answer]
            found[name] = {"recovered": read, "accuracy": (true & Counter(read)).total() / true.total()}
    return found


def attacker(
    question: Question, residual: dict[str, float], step: Step, images: Tensor, labels: Tensor, folder: Path,
    certificate: Certificate | None = None,
) -> Attacker:  # fmt: skip
    """Its loss, and the share of the update that its answer leaves; for a recorded update also its `scale`.

    The share is that of the round played again, r = min_a |a g - g*| / |g*|, and ||g - g*|| / ||g*|| as the attack has it where that
    cannot be done: whatever is said of the answer names this one number.

    residual: of each tensor. images (N, C, H, W) in pixels, labels (N,): the attack's answer. folder: of the run. certificate: of a
    closed form.
    """
    norms = {name: float(t.double().norm()) for name, t in question.round.update.tensors.items()}
    squares = ((value * norms[name]) ** 2 for name, value in residual.items())
    own: Attacker = {
        "loss": float(step.score[step.best]),
        "residual": math.sqrt(sum(squares)) / question.norm if residual else None,
        "residuals": {**residual},
        "note": step.note,
    }
    update, knowledge = question.round.update, question.round.knowledge
    left = explaining.left(update, knowledge, images, labels)
    if residual:
        known = left[0] if left is not None and math.isfinite(left[0]) else None
        own["certainty"] = certainty.of(question, images, labels, folder, certificate, known, own["residual"])
        own["residual"] = own["residual"] if known is None else known
        own = {**own, **explaining.at_floor(update, knowledge, left)}
    if question.facts is not None:
        found = explaining.explained(question, left)
        scale = question.facts.get("scale")
        own = {**own, "scale": found["fitted_scale"] if scale is None else scale, **found}
    checked: Attacker = finite(own)
    return checked
