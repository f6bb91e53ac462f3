"""What a recursion's result has besides pictures: a batch's mixing, and the published rescaling."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gi_core import metrics
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import Question
from gi_core.settings.attacks import ClosedForm
from gi_core.types.result import Result
from gi_core.types.result_parts import Mixture, Rescaled


def add(document: Result, question: Question, images: np.ndarray, truth: bool, folder: Path) -> None:
    """`mixture` of a batch where the attack gives one, `rescaled` of one picture; nothing for attacks that iterate. images
    (N, C, H, W) as the attack gave them. The first needs the originals, and so do the second's metrics.
    """
    attack = question.experiment.attack
    if not isinstance(attack, ClosedForm) or (len(images) > 1 and not attack.mixes):
        return
    originals = question.pictures.images
    if len(images) > 1:
        document["mixture"] = mixture(images, originals) if truth else {}
    else:
        document["rescaled"] = _rescaled(images, originals if truth else None, folder)


def mixture(images: np.ndarray, originals: np.ndarray) -> Mixture:
    """Least-squares coefficients of each answer on the originals (rows: answers), and what they leave unexplained,
    |x - sum_n a_n x_n| / |x|.
    """
    basis, answers = originals.reshape(len(originals), -1).T.astype(float), images.reshape(len(images), -1).T
    coefficients, *_ = np.linalg.lstsq(basis, answers, rcond=None)
    left = np.linalg.norm(answers - basis @ coefficients, axis=0) / np.maximum(np.linalg.norm(answers, axis=0), 1e-300)
    same = bool(np.allclose(images, images[:1]))
    return {
        "coefficients": coefficients.T[:1].tolist() if same else coefficients.T.tolist(),
        "span_residual": float(left.max()),
        "answers": 1 if same else len(images),
    }


def rescale(images: np.ndarray) -> np.ndarray:
    """(x - min x) / max x, as R-GAP's published figures are drawn (the divisor is the largest value, not the range)."""
    drawn: np.ndarray = (images - images.min()) / max(float(images.max()), 1e-12)
    return drawn


def _rescaled(images: np.ndarray, originals: np.ndarray | None, folder: Path) -> Rescaled:
    drawn = rescale(np.nan_to_num(images))
    save_png(folder / "rescaled.png", sheet(drawn))
    found: Rescaled = {"file": "rescaled.png"}
    if originals is not None:
        found["psnr"], found["ssim"] = metrics.quick(drawn, originals)
        found["mse"] = float(((drawn.clip(0, 1) - originals) ** 2).mean())
    return found
