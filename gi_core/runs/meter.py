"""The risk meter of a question: what is fast first, the spectrum where it is known or cheap."""

from __future__ import annotations

import time
from typing import Any

import torch

from gi_core.analysis import risk
from gi_core.analysis.influence import keeping
from gi_core.analysis.influence.jacobian import Sample
from gi_core.analysis.influence.predict import PERTURBING
from gi_core.analysis.rank import count
from gi_core.federated.round import Round, normalised
from gi_core.runs.question import Question
from gi_core.spec import SpecError
from gi_core.spec.drawings import drawing

PATIENCE, PRODUCTS = 1.2, 120
"""Seconds that an estimate may take, by the time of its first product; products of J J^T for a rough spectrum."""
EXACT_SECONDS = 60.0


def measure(question: Question) -> dict[str, Any]:
    """`risk.assess` of the client's round as it is. Quick: below two seconds for a LeNet."""
    experiment = question.experiment
    found: dict[str, Any] = {
        "verdict": _verdict(question), "images": len(experiment.samples), "gradient_norm": question.round.clean.norm(),
        "noise_std": max((d.std for d in experiment.defenses if d.kind == "gaussian_noise"), default=0.0),
        "perturbed": any(d.kind != "clipping" for d in experiment.defenses),
    }  # fmt: skip
    if len(experiment.samples) == 1 and all(d.kind in PERTURBING for d in experiment.defenses):
        found |= _precision(question)
    return risk.assess(**found)


def _verdict(question: Question) -> str | None:
    pictures = question.pictures
    try:
        return count(drawing(question.experiment.model, tuple(pictures.images.shape[1:]), pictures.classes)).verdict
    except SpecError:
        return None


def _precision(question: Question) -> dict[str, Any]:
    """The spectrum's prediction if it is kept, else the least error that the largest eigenvalue allows."""
    done = question.round
    x = normalised(question.pictures, torch.device("cpu"))
    kept = keeping.read(keeping.key(done.knowledge, x, done.labels, EXACT_SECONDS))
    if kept is not None:
        return {"predicted_rmse": kept[0].expected(_size(done) or kept[0].rounding()).pixels}
    try:
        sample = Sample(done.knowledge, x, done.labels, "cpu")
    except SpecError:
        return {}
    if not sample.norm or done.clean is done.update:
        return {}
    began = time.perf_counter()
    sample.products.jjt(torch.ones(sample.size, dtype=sample.dtype))
    each = time.perf_counter() - began
    if PRODUCTS * each < PATIENCE:
        return {"predicted_rmse": sample.quadrature(PRODUCTS * each, each).expected(_size(done)).pixels}
    if 25 * each > PATIENCE:
        return {}
    pushed = sample.perturbation(done.clean, done.update)
    least = float(pushed.norm()) / max(sample.largest(), 1e-300) / sample.size**0.5
    return {"best_case": least * float(torch.tensor(done.knowledge.std).mean())}


def _size(done: Round) -> float:
    """Root mean square of what the defenses changed: as noise on every value would be."""
    pairs = zip(done.clean.tensors.values(), done.update.tensors.values(), strict=True)
    squares = sum(float(((b.double() - a.double()) ** 2).sum()) for a, b in pairs)
    return (squares / sum(t.numel() for t in done.update.tensors.values())) ** 0.5


def calibrate(question: Question, measured: float | None) -> dict[str, Any] | None:
    """Predicted beside measured RMSE (unclamped, [0, 1]) of a run with a perturbing defense and one picture.

    The prediction is for the perturbation that was really drawn, by conjugate gradients. None where it does not apply,
    or would take long.
    """
    experiment, done = question.experiment, question.round
    if measured is None or len(experiment.samples) > 1 or done.clean is done.update:
        return None
    if not all(d.kind in PERTURBING for d in experiment.defenses):
        return None
    try:
        sample = Sample(done.knowledge, normalised(question.pictures, torch.device("cpu")), done.labels, "cpu")
    except SpecError:
        return None
    began = time.perf_counter()
    pushed = sample.perturbation(done.clean, done.update)
    sample.products.jjt(pushed)
    if not sample.norm or 600 * (time.perf_counter() - began) > 20.0:
        return None
    std = torch.tensor(done.knowledge.std, dtype=torch.float64).view(-1, 1, 1)
    error = float(((sample.influence(pushed).view(sample.shape) * std) ** 2).mean()) ** 0.5
    with_prior = (1 / error**2 + 1 / risk.PRIOR**2) ** -0.5 if error else 0.0
    return {
        "predicted_rmse": error,
        "predicted_rmse_with_prior": with_prior,
        "measured_rmse": measured,
        "protected": not error < risk.PRIOR,
    }


def afterwards(question: Question, document: dict[str, Any]) -> None:
    """Add to a result whether the meter was right, and the calibration."""
    measured = document["metrics"]
    document["risk"] = risk.judged(document["risk"], measured.get("psnr"), question.experiment.attack.title)
    calibration = calibrate(question, measured.get("rmse_unclamped"))
    if calibration is not None:
        document["calibration"] = calibration
