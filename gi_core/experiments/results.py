"""A run's end: the JSON object and the files of its folder. Ground truth joins here, and only here."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from gi_core import data, metrics
from gi_core.attacks.base import Attack, State, Step
from gi_core.attacks.labels.report import label_report
from gi_core.common import whole_files
from gi_core.experiments.fit import explaining
from gi_core.experiments.setup import Question
from gi_core.jobs.job import Point
from gi_core.jobs.rows import encode, finite
from gi_core.metrics.registry import LIVE
from gi_core.settings import sizes

THUMBNAIL = 96
_UNKNOWN = {"metrics": {}, "per_image": [], "order": None}


def judge(question: Question, images: np.ndarray, labels: np.ndarray, truth: bool) -> dict[str, Any]:
    """metrics, per_image and order of a reconstruction (N, C, H, W); nothing without ground truth."""
    if not truth:
        return dict(_UNKNOWN)
    pictures, experiment = question.pictures, question.experiment
    if experiment.recorded is not None:  # its reference stands for the sample
        _, channels, height, width = pictures.images.shape
        own = {"samples": (experiment.recorded.reference,), "channels": channels, "size": sizes.whole(height, width)}
        experiment = experiment.model_copy(update=own)
    true, pool = pictures.labels if pictures.labelled else None, data.candidates(experiment)
    return metrics.evaluate(images, pictures.images, true, labels, candidates=pool, prior=pictures.prior)


def read_labels(question: Question) -> dict[str, Any]:
    """Strategy -> labels it reads from the update and their accuracy: |both multisets| / N. Refused ones are left out."""
    true = Counter(int(k) for k in question.pictures.labels)
    found = {}
    for name, labels in label_report(question.round.update, question.round.knowledge).items():
        if not isinstance(labels, str):
            read = [int(k) for k in labels]
            found[name] = {"recovered": read, "accuracy": (true & Counter(read)).total() / true.total()}
    return found


def attacker(question: Question, residual: dict[str, float], step: Step | None) -> dict[str, Any]:
    """What the attacker itself can say of its success: loss, and ||g - g*|| / ||g*|| overall."""
    tensors = question.round.update.tensors
    norms = {name: float(t.double().norm()) for name, t in tensors.items()}
    squares = ((value * norms[name]) ** 2 for name, value in residual.items())
    total = math.sqrt(sum(squares)) / question.norm if residual else None
    loss = float(step.score[step.best]) if step is not None else None
    found = {"loss": loss, "residual": total, "residuals": residual, "note": step.note if step else ""}
    return finite(found)


def compared(question: Question, images: Tensor, labels: Tensor) -> dict[str, Any]:
    """For a recorded update: its `scale` beside the client as described, and how much of it the answer explains."""
    if question.facts is None:
        return {}
    found = explaining.explained(question, images, labels)
    scale = question.facts.get("scale")
    return finite({"scale": found["fitted_scale"] if scale is None else scale, **found})


def result(
    question: Question,
    attack: Attack,
    state: State,
    step: Step | None,
    *,
    run_id: str,
    status: str,
    note: str,
    seconds: float,
    iterations: int,
    plan: dict[str, Any],
    residual: dict[str, float],
    truth: bool,
    more: Callable[[np.ndarray], dict[str, Any]] = lambda images: {},
) -> tuple[dict[str, Any], np.ndarray]:
    """The JSON object of the command line, and the images (N, C, H, W) matched to the originals.

    more: what else is said of the attack's answer (N, C, H, W).
    """
    answer, found = attack.answer(state)
    images, labels = answer.detach().cpu().double().numpy(), found.cpu().numpy()
    judged = judge(question, images, labels, truth)
    order = judged["order"] if judged["order"] is not None else list(range(len(images)))
    true = [int(k) for k in question.pictures.labels]
    trials: dict[str, Any] = {"all": []}
    if step is not None:
        originals = question.pictures.images if truth else None
        everyone = step.images.detach().cpu().double().numpy()
        trials = metrics.trials_summary(everyone, step.score.numpy(), originals, step.begun)
    experiment = question.experiment
    document = {
        "run_id": run_id,
        "status": status,
        "note": note,
        "seconds": seconds,
        "iterations": iterations,
        "seconds_per_iteration": seconds / iterations if iterations else None,
        "attack": experiment.attack.model_dump(mode="json"),
        "model": {**experiment.model.model_dump(mode="json"), **question.info},
        "plan": plan,
        "metrics": judged["metrics"],
        "per_image": judged["per_image"],
        "labels": {
            "true": true if truth and question.pictures.labelled else None,
            "recovered": [int(k) for k in labels[order]],
            "accuracy": judged["metrics"].get("label_accuracy"),
            "names": list(question.pictures.class_names),
            **({"strategies": read_labels(question)} if truth and question.pictures.labelled else {}),
        },
        "trials": trials.pop("all"),
        "trials_summary": trials,
        "attacker": attacker(question, residual, step) | compared(question, answer, found),
        "defenses": [dict(e) for e in question.round.effects],
        "gradient_norm": question.norm,
        "device": str(question.device),
        "normalisation": {
            "asked": experiment.normalise,
            "mean": list(question.pictures.mean),
            "std": list(question.pictures.std),
        },
        "notices": list(question.pictures.notices),
        **({} if question.facts is None else {"update": finite(question.facts)}),
        **more(images),
    }
    document["verdict"] = metrics.verdict(document)
    return finite(document), images[order]


def write_text(path: Path, text: str) -> None:
    """Whole or not at all. Raises DiskFull."""
    whole_files.write(path, lambda file: file.write(text.encode()))


def write_files(
    folder: Path,
    document: dict[str, Any],
    images: np.ndarray,
    originals: np.ndarray | None,
    points: list[Point],
) -> None:
    """result.json, reconstruction.npz, the PNGs and history.csv. Raises DiskFull."""
    pixels = np.clip(np.nan_to_num(images), 0, 1).astype(np.float32)
    arrays = {"images": pixels}
    if originals is not None:
        arrays["originals"] = originals.astype(np.float32)
    whole_files.write(folder / "reconstruction.npz", lambda file: np.savez_compressed(file, **arrays))
    save_png(folder / "reconstruction.png", sheet(pixels))
    pair = [pixels[0]]
    if originals is not None:
        save_png(folder / "original.png", sheet(originals))
        pair.insert(0, originals[0])
    save_png(folder / "thumbnail.png", np.concatenate([_enlarged(p) for p in pair], axis=1))
    write_text(folder / "history.csv", _history(points))
    write_text(folder / "result.json", encode(document))


def sheet(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) in [0, 1] -> uint8 (rows H, columns W, 3), native pixels, as square as it goes."""
    n, c, h, w = images.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    page = np.zeros((rows * h, columns * w, 3), np.uint8)
    for i, image in enumerate(images):
        top, left = divmod(i, columns)
        page[top * h : (top + 1) * h, left * w : (left + 1) * w] = _rgb(image)
    return page


def _rgb(image: np.ndarray) -> np.ndarray:
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if pixels.shape[2] == 1 else pixels


def _enlarged(image: np.ndarray) -> np.ndarray:
    """96 x 96; what is not square keeps its proportions, on black."""
    height, width = image.shape[1:]
    kind = Image.Resampling.NEAREST if max(height, width) <= THUMBNAIL else Image.Resampling.BOX
    factor = THUMBNAIL / max(height, width)
    wanted = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(Image.fromarray(np.ascontiguousarray(_rgb(image))).resize(wanted, kind))
    page = np.zeros((THUMBNAIL, THUMBNAIL, 3), np.uint8)
    top, left = (THUMBNAIL - wanted[1]) // 2, (THUMBNAIL - wanted[0]) // 2
    page[top : top + wanted[1], left : left + wanted[0]] = small
    return page


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 (H, W, 3). Raises DiskFull."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    whole_files.write(path, lambda file: image.save(file, format="PNG"))


def _history(points: list[Point]) -> str:
    names = sorted({name for p in points for name in p.losses})
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["iteration", "seconds", "rate", "best_trial", *names, *LIVE])
    for p in points:
        losses = [p.losses.get(name, "") for name in names]
        quality = ["" if v is None else v for v in (getattr(p, name) for name in LIVE)]
        table.writerow([p.iteration, f"{p.seconds:.4f}", p.rate, p.best, *losses, *quality])
    return text.getvalue()
