"""The one metric protocol: denormalised -> clamped to [0, 1] -> compared, matched by MSE."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gi_core.metrics import perceptual
from gi_core.metrics.matching import assignment, retrieval
from gi_core.metrics.pixels import Array, array, clamped, mse, psnr, ssim, ssim_note
from gi_core.metrics.rdlv import rdlv

MEASURED = ("mse", "psnr", "ssim", "lpips", "iip_rank", "iip_percentile", "rmse_unclamped")


def evaluate(
    reconstruction: Any,
    originals: Any,
    labels_true: Any = None,
    labels_recovered: Any = None,
    candidates: Any = None,
    prior: Any = None,
) -> dict[str, Any]:
    """Everything that is known about a reconstruction, JSON-ready (never NaN or infinity).

    reconstruction: (N, C, H, W) pixels, unclamped. originals: (N, C, H, W) in [0, 1]. labels: (N,).
    candidates: (M, C, H, W) in [0, 1] for identifiability. prior: (C, H, W) in [0, 1], for RDLV. Returns `metrics` (means; `<name>_sd`
    standard deviations for a batch; notes), `per_image` in the order of the originals, and
    `order`: order[i] is the reconstruction matched to original i. A picture with NaN in it is
    measured as None, left out of the means, and noted. Raises ValueError for unequal shapes.
    """
    rec, true = array(reconstruction), array(originals)
    if rec.shape != true.shape or rec.ndim != 4:
        raise ValueError(f"pictures of shape {rec.shape} cannot be compared with {true.shape}")
    order = assignment(rec, true)
    pool = None if candidates is None or not len(candidates) else np.asarray(candidates)
    rec = rec[order]
    per_image = [_picture(i, order[i], rec[i], true[i], pool) for i in range(len(true))]
    perceived, lpips_note = perceptual.distances(clamped(np.nan_to_num(rec, nan=0.5)), true)
    for i, entry in enumerate(per_image):
        entry["lpips"] = perceived[i] if perceived is not None and entry["mse"] is not None else None
    accuracy = _labels(per_image, order, labels_true, labels_recovered)

    metrics: dict[str, Any] = {name: _mean([e[name] for e in per_image]) for name in MEASURED}
    if len(per_image) == 1:
        metrics["iip_rank"] = per_image[0]["iip_rank"]
    else:
        metrics |= {f"{name}_sd": _sd([e[name] for e in per_image]) for name in MEASURED}
    metrics["label_accuracy"] = accuracy
    metrics["iip_candidates"] = max(e.pop("iip_candidates") for e in per_image) or None
    metrics["lpips_note"] = lpips_note
    metrics["ssim_note"] = ssim_note(*true.shape[-2:])
    metrics["note"] = _failures(per_image)
    if prior is not None:
        metrics |= _beyond(prior, rec, true, per_image)
    return {"metrics": metrics, "per_image": per_image, "order": order}


def quick(images: Any, originals: Any) -> tuple[float | None, float | None]:
    """(PSNR, SSIM), means over a batch matched by MSE: the points of the live curve.

    images, originals: (N, C, H, W). None where a picture is not finite.
    """
    rec, true = array(images), array(originals)
    rec = rec[assignment(rec, true)]
    if np.isnan(rec).any():
        return None, None
    rec = clamped(rec)
    likeness = [ssim(a, b) for a, b in zip(rec, true, strict=True)]
    return _mean([psnr(mse(a, b)) for a, b in zip(rec, true, strict=True)]), _mean(likeness)


def _picture(index: int, matched: int, rec: Array, true: Array, pool: Array | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"index": index, "matched": matched, "iip_candidates": 0}
    entry |= dict.fromkeys(MEASURED)
    if np.isnan(rec).any():
        return entry
    with np.errstate(over="ignore", invalid="ignore"):
        rmse = math.sqrt(mse(rec, true))
    rec = clamped(rec)
    entry["mse"] = mse(rec, true)
    entry["psnr"] = psnr(entry["mse"])
    entry["ssim"] = ssim(rec, true)
    entry["rmse_unclamped"] = rmse if math.isfinite(rmse) else None
    if pool is not None:
        entry["iip_rank"], entry["iip_percentile"], entry["iip_candidates"] = retrieval(rec, true, pool)
    return entry


def _beyond(prior: Any, rec: Array, true: Array, per_image: list[dict[str, Any]]) -> dict[str, Any]:
    """RDLV: each picture's into `per_image`; mean, the largest, and why one is missing."""
    told = rdlv(rec, true, prior)
    for entry, value in zip(per_image, told["per_image"], strict=True):
        entry["rdlv"], entry["ssim_prior"] = value["value"], value["ssim_prior"]
    means = {"rdlv": told["mean"], "rdlv_site": told["site"], "rdlv_note": told["note"]}
    return means if len(per_image) == 1 else means | {"rdlv_sd": _sd([e["rdlv"] for e in per_image])}


def _labels(per_image: list[dict[str, Any]], order: list[int], true: Any, recovered: Any) -> float | None:
    if true is None or recovered is None:
        return None
    true, recovered = [[int(k) for k in labels] for labels in (true, recovered)]
    for i, entry in enumerate(per_image):
        entry["label_true"], entry["label_recovered"] = true[i], recovered[order[i]]
    return float(np.mean([e["label_true"] == e["label_recovered"] for e in per_image]))


def _failures(per_image: list[dict[str, Any]]) -> str:
    failed = sum(e["mse"] is None for e in per_image)
    if not failed:
        return ""
    return f"{failed} of {len(per_image)} reconstructions not finite, left out of the means"


def _mean(values: list[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return float(np.mean(present)) if present else None


def _sd(values: list[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return float(np.std(present)) if len(present) > 1 else None
