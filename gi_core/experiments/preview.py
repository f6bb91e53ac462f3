"""What can be said of an experiment before it is run, in about a second.

The pictures as the network gets them, whether the update says anything at all, and how long an
attack will take. Nothing is trained for it: where training comes first, it says so.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

from gi_core import data
from gi_core.analysis.model_check import check
from gi_core.common.memory_limit import memory_limit
from gi_core.defenses import effect
from gi_core.experiments import estimate, footprint, risk_ahead, risk_meter
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import Questions, choose_device, refuse_no_signal
from gi_core.jobs.rows import finite
from gi_core.settings import Experiment, SpecError, problems
from gi_core.types.preview import Preview, Wrong, empty

PATIENCE = 3.0


class _TooLong(Exception):
    """Weights are being trained; a preview does not wait for that."""


class _Patience:
    """Progress of a training: ended once it is clear that it takes longer than `PATIENCE`."""

    def __init__(self) -> None:
        self._mark: tuple[float, float] | None = None

    def __call__(self, fraction: float, text: str) -> None:
        if not 0 < fraction < 1:
            return
        now = time.process_time()  # of computing: a busy machine makes nothing longer
        if self._mark is None:
            self._mark = (now, fraction)
            return
        passed, done = now - self._mark[0], fraction - self._mark[1]
        if passed > 0.2 and done > 0 and passed * (1 - fraction) / done > PATIENCE:
            raise _TooLong


def preview(experiment: Experiment, folder: Path, questions: Questions, lane: str = "interactive") -> Preview:
    """The result of a preview job. What takes more memory than it may is a fatal problem, and only the pictures are read then."""
    large = footprint.problem(experiment, lane)
    wrong = [*problems(experiment), *([large] if large else [])]
    found: list[Wrong] = [{"field": p.field, "reason": p.reason, "fatal": p.fatal} for p in wrong]
    answer = empty()
    answer["problems"] = found
    try:
        _pictures(experiment, folder, answer)
        unseen = footprint.unseen(experiment)
        if unseen and not any(p["fatal"] for p in found):
            _ahead(experiment, answer, unseen)
        elif unseen:
            answer["notices"].append(unseen)
        elif not any(p["fatal"] for p in found):
            _round(experiment, questions, answer)
    except _TooLong:
        answer["notices"].append("the network is trained first, which takes longer than can be estimated here")
    except (SpecError, ValueError) as error:
        if not isinstance(error, SpecError) and type(error).__name__ != "Refused":
            raise
        found.insert(0, {"field": "", "reason": str(error), "fatal": True})
    checked: Preview = finite(answer)
    return checked


def _pictures(experiment: Experiment, folder: Path, answer: Preview) -> None:
    with memory_limit():
        pictures = data.load(experiment)
    path = folder / "original.png"
    if pictures.known:
        save_png(path, sheet(pictures.images))
    answer["notices"] = list(pictures.notices)
    answer["input_shape"] = [int(k) for k in pictures.images.shape[1:]]
    answer["classes"] = int(pictures.classes)
    answer["labels_true"] = [int(k) for k in pictures.labels] if pictures.labelled else None
    answer["class_names"] = list(pictures.class_names)
    answer["original_png_path"] = str(path) if pictures.known else None


def _ahead(experiment: Experiment, answer: Preview, unseen: str) -> None:
    """What the sizes alone say of a network that is too large for a preview: of a vision transformer what its equations give,
    and how long solving them takes. unseen: the sentence where they say nothing.
    """
    channels, height, width = answer["input_shape"] or (0, 0, 0)
    foreseen = risk_ahead.foreseen(experiment, (channels, height, width), answer["classes"] or 0)
    if foreseen is not None:
        answer["risk"] = foreseen
    counted = footprint.counted(experiment)
    answer["parameters"] = counted[0] if counted else None
    known = estimate.by_sizes(experiment, (height, width))
    if known is None:
        answer["notices"].append(unseen)
        return
    each, count = known
    answer["seconds_per_iteration"], answer["iterations_estimate"] = each, count
    answer["seconds_estimate"] = min(each * count, experiment.seconds or math.inf)


def _round(experiment: Experiment, questions: Questions, answer: Preview) -> None:
    question = questions.get(experiment, choose_device(experiment.device), _Patience())
    answer["gradient_norm"] = question.norm
    answer["parameters"], answer["accuracy"] = question.info.get("parameters"), question.info.get("accuracy")
    played = question.round
    answer["effects"] = list(played.effects)
    if experiment.server.changes:
        answer["model_check"] = check(played.knowledge.model)
    answer["sent"] = effect(played.clean, played.update) if played.clean is not played.update else None
    answer["risk"] = risk_meter.measure(question)
    refuse_no_signal(question)
    each, count, plan = estimate.seconds_per_iteration(question)
    total = each * count if experiment.seconds is None else min(each * count, experiment.seconds)
    answer["seconds_per_iteration"], answer["iterations_estimate"] = each, count
    answer["seconds_estimate"], answer["plan"] = total, plan.model_dump(mode="json")
