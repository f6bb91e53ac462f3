"""May an update leave? send = RDLV <= threshold, of an attack that the client runs on its own update before sending it.

As in NVFlare's filter (Hatamizadeh et al. 2023), but it fails closed: what was not measured does not leave. A value holds
for this attack and its budget; a stronger one may show more.
"""

from __future__ import annotations

from typing import Any

DEFAULT_THRESHOLD = 1.0
"""RDLV of the published gate: withhold what is twice as like to a private picture as the prior is."""


def decision(document: dict[str, Any], threshold: float = DEFAULT_THRESHOLD) -> dict[str, Any]:
    """{leaked, measure, threshold, send, sentence} from a run's result, JSON-ready.

    leaked: the largest over the pictures, of RDLV, or of SSIM where the attack had no prior picture to be relative to.
    """
    measure, leaked, reason = _measured(document)
    verdict = {"leaked": leaked, "measure": measure, "threshold": threshold}
    if leaked is None or reason:
        return verdict | {"send": False, "sentence": f"withheld, as the leak could not be measured: {reason}"}
    send = leaked <= threshold
    words = "may leave" if send else "withheld"
    side = "within" if send else "above"
    return verdict | {
        "send": send,
        "sentence": f"{words}: {measure.upper()} {leaked:.3f} is {side} the threshold of {threshold:g}",
    }


def _measured(document: dict[str, Any]) -> tuple[str, float | None, str]:
    """(measure, value, why there is none)."""
    metrics, images = document.get("metrics") or {}, document.get("per_image") or []
    measure = "rdlv" if "rdlv" in metrics else "ssim"
    if document.get("status") != "done":
        return measure, None, str(document.get("error") or document.get("note") or "the attack did not end")
    if not images:
        return measure, None, "there is no picture to compare with"
    values = [entry.get(measure) for entry in images]
    if any(value is None for value in values):
        note = metrics.get(f"{measure}_note") or metrics.get("note") or "a picture has no value"
        return measure, None, str(note)
    return measure, max(values), ""
