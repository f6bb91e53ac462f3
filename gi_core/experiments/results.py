"""A run's end as one JSON object (`gi_core/types/result.py`). Ground truth joins here, and only here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np

from gi_core import metrics
from gi_core.analysis.model_check import check
from gi_core.attacks.base import Attack, Certified, State, Step
from gi_core.attacks.ensemble.machine import Ensemble
from gi_core.attacks.recursion.started import StartedMatching
from gi_core.common import surroundings
from gi_core.experiments import bracket, controls, judging, recursion_results, risk_afterwards
from gi_core.experiments.setup import Question
from gi_core.jobs.rows import finite
from gi_core.metrics import claims
from gi_core.settings.plan import Plan
from gi_core.types.result import SCHEMA_VERSION, Result
from gi_core.types.result_parts import Layer, Network, Normalisation
from gi_core.types.risk import Risk


@dataclass(frozen=True)
class Finished:
    """A run whose attack has ended.

    step: the attack's last one, which gave `state`. seconds: of attacking. residual: relative, of each tensor by its name.
    layers: of a recursion. risk: the meter as it stood before. truth: whether the originals may be compared with.
    """

    question: Question
    attack: Attack
    state: State
    step: Step
    run_id: str
    folder: Path
    status: Literal["done", "cancelled"]
    note: str
    seconds: float
    plan: Plan
    residual: dict[str, float]
    layers: list[Layer]
    risk: Risk
    truth: bool


def result(run: Finished) -> tuple[Result, np.ndarray]:
    """The result, and the images (N, C, H, W) matched to the originals."""
    question, step, truth = run.question, run.step, run.truth
    answer, found = run.attack.answer(run.state)
    images, labels = answer.detach().cpu().double().numpy(), found.cpu().numpy()
    judged = judging.judge(question, images, labels, truth)
    order = judged["order"] if judged["order"] is not None else list(range(len(images)))
    everyone, originals = step.images.detach().cpu().double().numpy(), question.pictures.images if truth else None
    trials = metrics.trials_summary(everyone, step.score.numpy(), originals, step.begun)
    certificate = run.attack.certificate(run.state) if isinstance(run.attack, Certified) else None
    document: Result = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "status": run.status,
        "note": run.note,
        "seconds": run.seconds,
        "iterations": step.iteration,
        "seconds_per_iteration": run.seconds / step.iteration if step.iteration else None,
        "attack": question.experiment.attack.model_dump(mode="json"),
        "model": _network(question),
        "plan": run.plan.model_dump(mode="json"),
        "metrics": judged["metrics"],
        "per_image": judged["per_image"],
        "labels": judging.labels(question, labels[order], judged["metrics"].get("label_accuracy"), truth),
        "trials": trials["all"],
        "trials_summary": {"best": trials["best"], "median": trials["median"], "worst": trials["worst"]},
        "attacker": judging.attacker(question, run.residual, step, answer, found, run.folder, certificate),
        "defenses": list(question.round.effects),
        "gradient_norm": question.norm,
        "device": str(question.device),
        "normalisation": _normalisation(question),
        "notices": list(question.pictures.notices),
        "verdict": metrics.verdict(judged["metrics"], judged["per_image"]),
        "out": str(run.folder),
        "made_with": {**surroundings.versions(), "processor": surroundings.processor()},
    }
    if isinstance(run.attack, Ensemble):
        document["attacker"] = finite({**document["attacker"], **run.attack.knows(run.state)})
    document["words"] = claims.words_of(document)
    _add(document, run, images)
    checked: Result = finite(document)
    return checked, images[order]


def _network(question: Question) -> Network:
    settings = question.experiment.model.model_dump(mode="json")
    return cast(Network, {**settings, **question.info})  # each kind has settings of its own


def _normalisation(question: Question) -> Normalisation:
    pictures = question.pictures
    return {"asked": question.experiment.normalise, "mean": list(pictures.mean), "std": list(pictures.std)}


def _add(document: Result, run: Finished, images: np.ndarray) -> None:
    """Add what not every run has. images: (N, C, H, W) as the attack gave them."""
    if run.question.facts is not None:
        document["update"] = run.question.facts
    if run.question.experiment.server.changes:
        document["model_check"] = check(run.question.round.knowledge.model)
    recursion_results.add(document, run.question, images, run.truth, run.folder)
    if run.layers:
        document["layers"] = run.layers
    if isinstance(run.attack, StartedMatching):
        document["start"] = run.attack.started(run.state)
    if run.question.experiment.control != "none":
        document["control"] = controls.told(run.question, images)
        return  # nothing was predicted or proved of an update that is not the client's
    found = bracket.of(run.question, run.truth)
    if found is not None:
        document["bracket"] = found
    risk_afterwards.add(document, run.question, run.risk)
