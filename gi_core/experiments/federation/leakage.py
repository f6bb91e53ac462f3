"""What a round's reconstructions show of one client: RDLV(i, r) = (S(i, r) - S(i, p)) / S(i, p), S = SSIM.

i: a private picture, r: the reconstruction most like it, p: the server's prior, here the mean picture of the other clients'
data. 0: no better than the prior, 1: twice as like, below 0: worse. Without anyone else there is no prior and S itself is
given. The band is that of the published plot: mean +- 1.96 s / sqrt(n) over the client's n pictures.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gi_core.metrics.matching import assignment, retrieval
from gi_core.metrics.pixels import clamped
from gi_core.metrics.protocol import likeness
from gi_core.metrics.rdlv import rdlv
from gi_core.metrics.registry import LIVE

NORMAL_95 = 1.959964
"""Half a 95 % interval of the normal distribution, in standard deviations."""


def leakage(
    images: np.ndarray, originals: np.ndarray, prior: np.ndarray | None, candidates: np.ndarray | None = None
) -> dict[str, Any]:
    """JSON-ready: measure (rdlv or ssim), mean and band of it, ssim and psnr (means of matched pairs), per_image, iip_candidates.

    images: (N, C, H, W) reconstructions, unclamped. originals: likewise, in [0, 1]. prior: (C, H, W) in [0, 1].
    candidates: (M, C, H, W) in [0, 1], among which each original is looked for. per_image: rdlv, ssim, psnr, iip_rank of each original
    and `matched`, the reconstruction that belongs to it (least MSE).
    """
    found = rdlv(images, originals, prior)
    order = assignment(images.astype(np.float64), originals.astype(np.float64))
    entries, many = list[dict[str, Any]](), None
    for i, one in enumerate(found["per_image"]):
        alike = likeness(images[order[i]].astype(np.float64), originals[i].astype(np.float64))
        entry = {"rdlv": one["value"], **alike, "ssim_prior": one["ssim_prior"], "matched": order[i]}
        if candidates is not None and alike["psnr"] is not None:
            entry["iip_rank"], _, many = retrieval(clamped(images[order[i]]), originals[i], candidates)
        entries.append(entry)
    mean, low, high = band([e["rdlv"] for e in entries])
    return {
        "measure": found["measure"], "rdlv_mean": mean, "rdlv_low": low, "rdlv_high": high, "note": found["note"],
        **{name: _mean([e[name] for e in entries]) for name in LIVE}, "per_image": entries, "iip_candidates": many,
    }  # fmt: skip


def band(values: list[float | None]) -> tuple[float | None, float | None, float | None]:
    """(mean, low, high): 95 % confidence of the mean by the normal distribution; of one value, the value itself."""
    known = [v for v in values if v is not None]
    if not known:
        return None, None, None
    mean = float(np.mean(known))
    half = NORMAL_95 * float(np.std(known, ddof=1)) / math.sqrt(len(known)) if len(known) > 1 else 0.0
    return mean, mean - half, mean + half


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None
