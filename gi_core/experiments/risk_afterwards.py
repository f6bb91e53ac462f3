"""The risk meter after the run: whether it was right, and the predicted error beside the measured one."""

from __future__ import annotations

import torch

from gi_core.analysis import risk
from gi_core.clients.round import normalised
from gi_core.experiments import risk_meter
from gi_core.experiments.setup import Question
from gi_core.metrics.verdicts import of_result
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.spectrum import with_prior
from gi_core.settings import SpecError
from gi_core.types.result import Result
from gi_core.types.risk import Calibration, Risk

CALIBRATION_SECONDS = 20.0
"""Nominal seconds that a prediction for one drawn perturbation may take (`risk_meter.PATIENCE`)."""


def add(document: Result, question: Question, before: Risk) -> None:
    """Put the meter into the result, with whether it was right, and the calibration. before: the meter as it stood."""
    measured, title = document["metrics"], question.experiment.attack.title
    document["risk"] = risk.judged(
        before, measured.get("psnr"), of_result(document), title, document["attacker"]["residual"]
    )  # fmt: skip
    calibration = calibrate(question, measured.get("rmse_unclamped"))
    if calibration is not None:
        document["calibration"] = calibration


def calibrate(question: Question, measured: float | None) -> Calibration | None:
    """Predicted beside measured RMSE (unclamped, [0, 1]) of a run with a perturbing defense and one picture.

    The prediction is for the perturbation that was really drawn, by conjugate gradients. None where it does not apply,
    or would take long.
    """
    experiment, done = question.experiment, question.round
    if measured is None or len(experiment.samples) > 1 or done.clean is done.update or done.knowledge.schedule:
        return None
    if done.update.frozen or not all(d.predicted for d in experiment.defenses):
        return None  # what did not train was not perturbed
    if risk_meter.huge(done):
        return None
    try:
        sample = Sample(done.knowledge, normalised(question.pictures, torch.device("cpu")), done.labels, "cpu")
    except SpecError:
        return None
    pushed = sample.perturbation(done.clean, done.update)
    if not sample.norm or 600 * sample.product_seconds() > CALIBRATION_SECONDS:
        return None
    error = sample.in_pixels(sample.influence(pushed))
    return {
        "predicted_rmse": error,
        "predicted_rmse_with_prior": with_prior(error),
        "measured_rmse": measured,
        "protected": not error < risk.PRIOR,
    }
