"""The risk meter: is the picture determined, how precisely, and is there any signal? No torch.

Rank analysis says whether the equations suffice; the largest eigenvalue of J J^T (or, when it is known, the whole
spectrum) how precisely; the gradient's norm whether anything is shown. One sentence, with its reasons. It speaks of
attackers without a picture prior, and is never a safety floor.
"""

from __future__ import annotations

from typing import Any

from gi_core.analysis.influence.spectrum import PRIOR

EXPOSED = 0.02
"""RMSE per pixel below which a picture is as good as known."""
CLEAR_PSNR = 18.0
FAINT = 1e-6

LEVELS = ("exposed", "partly", "protected")
_SENTENCES = {
    "exposed": "Exposed: whoever sees this update can work the picture out.",
    "partly": "Partly exposed: a blurred or noisy likeness is to be expected.",
    "protected": "Protected against matching alone: the noise drowns what the update shows.",
}


def assess(
    *,
    verdict: str | None,
    images: int,
    gradient_norm: float,
    predicted_rmse: float | None = None,
    best_case: float | None = None,
    noise_std: float = 0.0,
    perturbed: bool = False,
) -> dict[str, Any]:
    """{level, sentence, reasons}.

    verdict: of the rank analysis, None where there is none. predicted_rmse: of the spectrum, in [0, 1]; best_case: the
    least it can be by the largest eigenvalue alone, |J delta| / lambda_max, when the spectrum is not known (yet).
    noise_std: of the update's values; perturbed: whether a defense changed it at all.
    """
    reasons = [_determined(verdict, images), _signal(gradient_norm, noise_std)]
    error = predicted_rmse if predicted_rmse is not None else best_case
    reasons.append(_precision(predicted_rmse, best_case, perturbed))
    level = "exposed"
    if error is not None and not error < PRIOR:
        level = "protected"
    elif (error is not None and error > EXPOSED) or verdict == "partial" or images > 8:
        level = "partly"
    elif predicted_rmse is None and perturbed:
        level = "partly"  # the largest eigenvalue bounds the error from below only
    elif gradient_norm < FAINT and predicted_rmse is None:
        level = "partly"
    return {"level": level, "sentence": _SENTENCES[level], "reasons": [r for r in reasons if r]}


def judged(risk: dict[str, Any], psnr: float | None, attack: str) -> dict[str, Any]:
    """The meter after a run: `right`, and in words; None where nothing was measured."""
    if psnr is None:
        return {**risk, "right": None, "afterwards": "There is no original to compare with."}
    came_back = psnr >= CLEAR_PSNR
    if risk["level"] == "protected":
        right = not came_back
        words = "no likeness came back" if right else "a likeness came back all the same: a prior beats matching alone"
    elif risk["level"] == "exposed":
        right = came_back
        words = "the picture came back" if right else f"this attack ({attack}) did not reach it, another may"
    else:
        right = True
        words = "the picture came back" if came_back else "no clear picture came back"
    return {**risk, "right": right, "afterwards": f"Measured {psnr:.1f} dB: {words}."}


def _determined(verdict: str | None, images: int) -> str:
    if images > 1:
        return f"{images} pictures share one update, which must be told apart"
    return {
        "exact": "the network's equations determine the picture, layer by layer",
        "optimisation": "a layer is short of equations, but all of them together suffice",
        "partial": "the equations do not suffice: a part of the picture stays open",
        "unsupported": "the network has layers that equations do not go through, which hides nothing from a search",
    }.get(verdict or "", "")


def _signal(norm: float, noise_std: float) -> str:
    if norm < FAINT:
        return f"the gradient is faint (norm {norm:.1e}): the network is already certain of the label"
    if noise_std > 0:
        return f"the gradient has norm {norm:.2g}, the noise {noise_std:.2g} on each value"
    return f"the gradient has norm {norm:.2g} and nothing hides it"


def _precision(predicted: float | None, best: float | None, perturbed: bool) -> str:
    if predicted is not None:
        return f"without a prior, the expected error is {predicted:.2g} per pixel"
    if best is not None and perturbed:
        return f"the error is at least {best:.2g} per pixel without a prior, by the largest eigenvalue alone"
    return ""
