"""RDLV(i, r) = (S(i, r) - S(i, p)) / S(i, p): how much more a reconstruction is like a picture than a prior is.

Relative data leakage value, Hatamizadeh et al., Do Gradient Inversion Attacks Make Federated Learning Unsafe?, IEEE TMI
2023. S is SSIM, i a private picture, p a picture that the server had before the round. 0: no better than the prior; 1:
twice as like; below 0: worse. Each picture has the value of the reconstruction most like it, a client the largest of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gi_core.metrics.batch import Batch, Found
from gi_core.metrics.pixels import Array, array, clamped, ssim

PROTOCOL = "SSIM of pictures clamped to [0, 1], Gaussian window of 11, data range 1"
PUBLISHED = "SSIM as published: reconstruction stretched to 0..255, uniform window of 7, data range 256"
UNLIKE = "the prior is not like this picture at all (SSIM {:.3f}), so there is nothing to be relative to"
NO_NUMBERS = "no reconstruction is finite"
TOO_SMALL = "the pictures are too small for SSIM"
_SMALLEST = {False: 3, True: 7}  # pixels, by convention

Similarity = Callable[[Array, Array], float | None]


def rdlv(images: Any, originals: Any, prior: Any = None, *, published: bool = False) -> dict[str, Any]:
    """What the reconstructions tell about each picture beyond the prior, JSON-ready.

    images: (M, C, H, W) reconstructions, unclamped. originals: (N, C, H, W) in [0, 1]. prior: (C, H, W) in [0, 1].
    published: by the convention of the published figures, to compare with them. Returns `measure` (`rdlv`, or `ssim`
    without a prior: the likeness itself), `mean` and `site` (largest) over the pictures, `per_image` (index, value,
    ssim, ssim_prior, closest: index of the reconstruction most like it, reason), `convention`, and `note`: why a value is
    None. Where the prior's likeness is not above 0 the ratio says nothing, and is None. Raises ValueError for unequal
    shapes.
    """
    found, true = array(images), array(originals)
    known = None if prior is None else array(prior)
    shapes = {found.shape[1:], true.shape[1:]} | ({known.shape} if known is not None else set())
    if len(shapes) > 1 or found.ndim != 4 or not len(true):
        raise ValueError(f"pictures of shapes {sorted(shapes)} cannot be compared")
    likeness, ready = (_published, stretched) if published else (ssim, clamped)
    finite = [(k, ready(r)) for k, r in enumerate(found) if not np.isnan(r).any()]
    large = min(true.shape[-2:]) >= _SMALLEST[published]
    entries = [_entry(i, t, finite if large else [], known, likeness, large) for i, t in enumerate(true)]
    values = [e["value"] for e in entries if e["value"] is not None]
    reasons = [e["reason"] for e in entries if e["value"] is None]
    return {
        "measure": "ssim" if known is None else "rdlv",
        "convention": PUBLISHED if published else PROTOCOL,
        "mean": float(np.mean(values)) if values else None,
        "site": max(values, default=None),
        "per_image": entries,
        "note": _note(reasons, len(entries)),
    }


def rdlv_of(batch: Batch) -> Found | None:
    """RDLV of each picture, the largest, and why one is missing; None without a prior."""
    if batch.prior is None:
        return None
    measured = rdlv(batch.raw, batch.true, batch.prior)
    values = {"rdlv": "value", "ssim_prior": "ssim_prior"}
    columns = {name: [entry[key] for entry in measured["per_image"]] for name, key in values.items()}
    return Found(columns, {"rdlv_site": measured["site"], "rdlv_note": measured["note"]})


def _entry(
    index: int, true: Array, finite: list[tuple[int, Array]], prior: Array | None, likeness: Similarity, large: bool
) -> dict[str, Any]:
    """The reconstruction most like the picture, by S itself: the order is that of RDLV wherever RDLV exists."""
    entry: dict[str, Any] = dict.fromkeys(("value", "ssim", "ssim_prior", "closest")) | {"index": index, "reason": ""}
    if large and prior is not None:
        entry["ssim_prior"] = likeness(clamped(prior), true)
    found = [(s, place) for place, picture in finite if (s := likeness(picture, true)) is not None]
    if not found:
        return entry | {"reason": NO_NUMBERS if large else TOO_SMALL}
    best = int(np.argmax([s for s, _ in found]))
    entry |= {"closest": found[best][1], "ssim": found[best][0]}
    if prior is None:
        return entry | {"value": entry["ssim"]}
    base = entry["ssim_prior"]
    if base is None or base <= 0:
        return entry | {"reason": UNLIKE.format(base)}
    return entry | {"value": (entry["ssim"] - base) / base}


def stretched(picture: Array) -> Array:
    """(x - min) / (max - min) over all channels; a constant picture becomes zero."""
    picture = np.clip(picture, -1e30, 1e30)
    low, high = picture.min(), picture.max()
    return (picture - low) / (high - low) if high > low else np.zeros_like(picture)


def _published(picture: Array, true: Array) -> float:
    """skimage's defaults on pictures of 0..255, but with a data range of 256; both given in [0, 1], (C, H, W)."""
    from skimage.metrics import structural_similarity

    return float(structural_similarity(255 * picture, 255 * true, data_range=256, channel_axis=0))


def _note(reasons: list[str], total: int) -> str:
    if not reasons:
        return ""
    return reasons[0] if len(reasons) == total else f"{len(reasons)} of {total} pictures left out: {reasons[0]}"
