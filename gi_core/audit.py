"""May an update leave? send = RDLV <= threshold, of an attack that the client runs on its own update before sending it.

As in NVFlare's filter (Hatamizadeh et al. 2023), but it fails closed: what was not measured does not leave. A value holds
for this attack and its budget; a stronger one may show more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gi_core.metrics.rdlv import rdlv
from gi_core.spec.base import SpecError

THRESHOLD = 1.0
"""RDLV of the published gate: withhold what is twice as like to a private picture as the prior is."""


def refuse_blind(references: np.ndarray, prior: np.ndarray | None, threshold: float) -> None:
    """Raises SpecError for a gate that could not say no: the originals themselves, sent back, must be above it.

    references: (N, C, H, W) in [0, 1]. prior: (C, H, W) or None. RDLV of picture i is at most 1 / S(i, p) - 1.
    """
    best = rdlv(references, references, prior)
    values = [entry["value"] for entry in best["per_image"]]
    if any(value is None for value in values):
        raise SpecError(f"{best['note']}: give another prior picture")
    if threshold < min(values):
        return
    what = "their likeness (SSIM)" if prior is None else "RDLV with this prior"
    raise SpecError(
        f"the threshold {threshold:g} is never exceeded, whatever leaks: {what} is {min(values):.3f} at most, so give"
        " a smaller threshold" + (" or a prior picture that is less like them" if prior is not None else "")
    )


def decision(told: dict[str, Any], threshold: float = THRESHOLD) -> dict[str, Any]:
    """{leaked, measure, threshold, send, sentence} from the answer of `metrics.rdlv`, JSON-ready.

    leaked: the largest over the pictures, of RDLV, or of SSIM where there is no prior picture to be relative to.
    """
    measure, leaked = told["measure"], told["site"]
    if leaked is None or told["note"]:  # a picture without a value may be the one that leaks
        return withheld(told["note"], threshold, measure)
    send = leaked <= threshold
    words, side = ("may leave", "within") if send else ("withheld", "above")
    sentence = f"{words}: {measure.upper()} {leaked:.3f} is {side} the threshold of {threshold:g}"
    return {"leaked": leaked, "measure": measure, "threshold": threshold, "send": send, "sentence": sentence}


def withheld(reason: str, threshold: float, measure: str = "rdlv") -> dict[str, Any]:
    """The decision where nothing was measured."""
    sentence = f"withheld, as the leak could not be measured: {reason}"
    return {"leaked": None, "measure": measure, "threshold": threshold, "send": False, "sentence": sentence}
