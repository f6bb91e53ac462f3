"""The one metric protocol: denormalised -> clamped to [0, 1] -> compared, matched by MSE. What is measured: the registry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from gi_core.metrics.batch import Batch, Found
from gi_core.metrics.matching import assignment
from gi_core.metrics.meanings import Metric
from gi_core.metrics.pixels import Array, array
from gi_core.metrics.registry import LIVE, METRICS
from gi_core.types.result_parts import Judged


def evaluate(
    reconstruction: Any,
    originals: Any,
    labels_true: Any = None,
    labels_recovered: Any = None,
    candidates: Any = None,
    prior: Any = None,
) -> Judged:
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
    batch = Batch(rec[order], true, order, pool, prior, labels_true, labels_recovered)
    per_image: list[dict[str, Any]] = [{"index": i, "matched": k} for i, k in enumerate(order)]
    means: dict[str, Any] = {}
    spreads: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    for found in _measured(batch):
        for key, values in found.values.items():
            kept = [_finite(value) for value in values]
            for entry, value in zip(per_image, kept, strict=True):
                entry[key] = value
            if key in METRICS:
                means[key] = _summary(METRICS[key], kept)
                spreads[f"{key}_sd"] = _sd(kept)
        beside |= found.beside
    more = spreads if len(per_image) > 1 else {}
    metrics = means | more | beside | {"note": _failures(batch.finite)}
    return {"metrics": metrics, "per_image": per_image, "order": order}


def quick(images: Any, originals: Any) -> tuple[float | None, float | None]:
    """(PSNR, SSIM), means over a batch matched by MSE: the points of the live curve.

    images, originals: (N, C, H, W). None where a picture is not finite.
    """
    rec, true = array(images), array(originals)
    rec = rec[assignment(rec, true)]
    if np.isnan(rec).any():
        return None, None
    found = [likeness(a, b) for a, b in zip(rec, true, strict=True)]
    psnr, ssim = (_mean([one[name] for one in found]) for name in LIVE)
    return psnr, ssim


def likeness(answer: Array, true: Array) -> dict[str, float | None]:
    """`LIVE` of one answer, (C, H, W) unclamped, and of a blank picture, beside its original; None where it is not finite."""
    names = (*LIVE, *(f"{name}_blank" for name in LIVE))
    if np.isnan(answer).any():
        return dict.fromkeys(names)
    alone = Batch(answer[None], true[None], [0])
    found: dict[str, float | None] = {}
    for name in LIVE:
        one = _values(METRICS[name], alone)
        found |= {} if one is None else {key: values[0] for key, values in one.values.items()}
    return {name: found.get(name) for name in names}


def beside(images: Any, originals: Any) -> list[dict[str, float | None]]:
    """`likeness` of each original and the answer that belongs to it. images (M, C, H, W), originals (N, C, H, W); [] unless M = N."""
    found, true = array(images), array(originals)
    if found.shape != true.shape:
        return []
    return [likeness(found[k], original) for k, original in zip(assignment(found, true), true, strict=True)]


def _measured(batch: Batch) -> Iterator[Found]:
    """What each function of the registry finds, once, in the registry's order."""
    asked: set[str] = set()
    for metric in METRICS.values():
        if metric.function not in asked:
            asked.add(metric.function)
            found = _values(metric, batch)
            if found is not None:
                yield found


def _values(metric: Metric, batch: Batch) -> Found | None:
    function = metric.load()
    if metric.takes == "batch":
        found: Found | None = function(batch)
        return found
    pairs = zip(batch.clamped, batch.true, batch.finite, strict=True)
    return Found({metric.name: [function(a, b) if good else None for a, b, good in pairs]})


def _summary(metric: Metric, values: list[Any]) -> Any:
    """The mean; a count of one picture stays one."""
    return values[0] if metric.reads == "count" and len(values) == 1 else _mean(values)


def _finite(value: Any) -> Any:
    """The value as JSON can hold it."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _failures(finite: list[bool]) -> str:
    failed = finite.count(False)
    if not failed:
        return ""
    return f"{failed} of {len(finite)} reconstructions not finite, left out of the means"


def _mean(values: list[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return float(np.mean(present)) if present else None


def _sd(values: list[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return float(np.std(present)) if len(present) > 1 else None
