"""Trials as a distribution: ordered by the attacker's own loss, never by the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gi_core.metrics.matching import assignment
from gi_core.metrics.pixels import array, clamped, mse, psnr
from gi_core.types.result_parts import Trial, Trials


def trials_summary(images: Any, scores: Any, originals: Any = None, begun: int | None = None) -> Trials:
    """{best, median, worst, all}; an entry is {trial, score, mse, psnr}.

    images: (T, N, C, H, W) pixels. scores: (T,) the attacker's own, lower is better. originals:
    (N, C, H, W), or None without ground truth (then mse and psnr are None). best, median (the
    lower middle of an even number) and worst are by score; a score that is not finite is worst.
    `all` is in the order of the trials. begun: how many trials began, the first ones; the others are in `all` alone, with
    nothing but their number, as what was never searched says nothing of the attack.
    """
    pictures, losses = array(images), array(scores).ravel()
    true = None if originals is None else array(originals)
    entries = [_entry(i, pictures[i], float(losses[i]), true) for i in range(len(pictures))[:begun]]
    waiting: list[Trial] = [
        {"trial": i, "score": None, "mse": None, "psnr": None} for i in range(len(entries), len(pictures))
    ]
    ranked = sorted(entries, key=lambda e: (e["score"] is None, e["score"] or 0.0))
    return {
        "best": ranked[0],
        "median": ranked[(len(ranked) - 1) // 2],
        "worst": ranked[-1],
        "all": entries + waiting,
    }


def _entry(trial: int, pictures: np.ndarray, score: float, true: np.ndarray | None) -> Trial:
    entry: Trial = {
        "trial": trial, "score": score if math.isfinite(score) else None, "mse": None, "psnr": None
    }  # fmt: skip
    if true is not None and not np.isnan(pictures).any():
        errors = [mse(clamped(pictures[j]), true[i]) for i, j in enumerate(assignment(pictures, true))]
        entry["mse"] = float(np.mean(errors))
        entry["psnr"] = float(np.mean([psnr(e) for e in errors]))
    return entry
