"""The risk meter: is the picture determined, how precisely, and is there any signal? No torch.

Rank analysis says whether the equations suffice; the largest eigenvalue of J J^T (or, when it is known, the whole
spectrum) how precisely; the gradient's norm whether anything is shown. One sentence, with its reasons. It speaks of
attackers without a picture prior, and is never a safety floor.
"""

from __future__ import annotations

from gi_core.metrics.words import PERSON, Said
from gi_core.numerics.spectrum import PRIOR
from gi_core.types.risk import Grounds, Level, Risk

EXPOSED = 0.02
"""RMSE per pixel below which a picture is as good as known."""
BLURRED = 0.25
"""RMSE per pixel that is hardly better than guessing: plain grey has `PRIOR`."""
EXPLAINED = 0.01
"""Share of the update left unexplained, below which an attack has found what it searched for."""
FAINT = 1e-6

LEVELS: tuple[Level, ...] = ("exposed", "partly", "protected")
_SENTENCES = {
    "exposed": "Exposed: whoever sees this update can work the picture out.",
    "partly": "Partly exposed: a blurred or noisy likeness is to be expected.",
    "open": "Partly exposed: something shows, and how much depends on the attack.",
    "protected": "Protected against matching alone: at this strength, the defense drowns what the update shows.",
}


def assess(
    *, verdict: str | None, images: int, gradient_norm: float | None, predicted_rmse: float | None = None,
    best_case: float | None = None, noise_std: float = 0.0, perturbed: bool = False, refined: bool = False,
    doubt: str = "", closed: str = "",
) -> Risk:  # fmt: skip
    """{level, sentence, reasons, error, refined, grounds}; error: predicted_rmse; grounds: these arguments.

    verdict: of the rank analysis, None where there is none. gradient_norm: None where it was not worked out. predicted_rmse: of the spectrum, in [0, 1]; best_case: the
    least it can be by the largest eigenvalue alone, |J delta| / lambda_max, when the spectrum is not known (yet).
    noise_std: of the update's values; perturbed: whether a defense changed it at all. refined: whether the spectrum
    is more than a quick estimate. doubt: why the error of this round cannot be worked out, one clause. closed: what equations give of
    these pictures, one clause, where that is known of the network beyond its verdict.
    """
    grounds: Grounds = {
        "verdict": verdict, "images": images, "gradient_norm": gradient_norm, "predicted_rmse": predicted_rmse,
        "best_case": best_case, "noise_std": noise_std, "perturbed": perturbed, "refined": refined, "doubt": doubt, "closed": closed,
    }  # fmt: skip
    error = predicted_rmse if predicted_rmse is not None else best_case
    faint = gradient_norm is not None and gradient_norm < FAINT
    unknown = predicted_rmse is None and (perturbed or faint or images > 8 or bool(doubt))
    level: Level
    if error is not None and not error < PRIOR:
        level, said = "protected", "protected"
    elif predicted_rmse is not None and predicted_rmse > EXPOSED:
        level, said = "partly", "partly"
    elif unknown or verdict == "partial":
        level, said = "partly", "open"
    else:
        level, said = "exposed", "exposed"
    reasons = (
        closed or _determined(verdict, images), _signal(gradient_norm, noise_std, perturbed),
        _precision(predicted_rmse, best_case, perturbed, refined) if not doubt or predicted_rmse is not None else doubt,
    )  # fmt: skip
    sentence = _SENTENCES[said] if images == 1 else _SENTENCES[said].replace("the picture", "the pictures")
    return {
        "level": level, "sentence": sentence, "reasons": [r for r in reasons if r], "error": predicted_rmse,
        "refined": refined, "grounds": grounds,
    }  # fmt: skip


def refine(risk: Risk, predicted_rmse: float) -> Risk:
    """The same meter once the whole spectrum is known."""
    grounds: Grounds = {**risk["grounds"], "predicted_rmse": predicted_rmse, "best_case": None, "refined": True}
    return assess(**grounds)


def judged(risk: Risk, psnr: float | None, said: Said, attack: str, residual: float | None = None) -> Risk:
    """The meter after a run: `right`, and in words. residual: share of the update that the answer leaves unexplained.

    psnr: in dB, as measured; said: what person and machine make of the answer.

    right is None where nothing was measured, where the meter had left it open, and where the attack failed by itself:
    a search that did not explain the update says nothing about what the update shows.
    """
    if psnr is None:
        return {**risk, "right": None, "afterwards": "There is no original to compare with."}
    right, words = _VERDICTS[risk["level"]](risk, said, attack, residual)
    return {**risk, "right": right, "afterwards": f"Measured {psnr:.1f} dB: {words}."}


def _exposed(risk: Risk, said: Said, attack: str, residual: float | None) -> tuple[bool | None, str]:
    if _came(said):
        return True, "the picture came back"
    if residual is not None and residual < EXPLAINED:
        return False, "another picture explains the update as well"
    return None, f"{attack} did not find what explains the update, another attack may"


def _partly(risk: Risk, said: Said, attack: str, residual: float | None) -> tuple[bool | None, str]:
    if risk.get("error") is None:
        return None, "the picture came back" if _came(said) else "no picture that a person would see came back"
    if said.person == PERSON[0]:
        return False, "the whole picture came back, more than was expected"
    if said.person == PERSON[-1]:
        return None, "nothing came back this time, less than was expected"
    return True, "a likeness came back" if _came(said) else "traces came back"


def _protected(risk: Risk, said: Said, attack: str, residual: float | None) -> tuple[bool | None, str]:
    if _came(said):
        return (
            False,
            "a likeness came back all the same, since the attack knows more of pictures than matching alone does",
        )
    return True, "no likeness came back"


def _came(said: Said) -> bool:
    """Whether a person would see the picture in what came back."""
    return said.person in PERSON[:2]


_VERDICTS = {"exposed": _exposed, "partly": _partly, "protected": _protected}


def _determined(verdict: str | None, images: int) -> str:
    if images > 1:
        return f"{images} pictures share one update, and must be told apart"
    return {
        "exact": "the network's equations determine the picture, layer by layer",
        "optimisation": "one layer has too few equations, but all layers together have enough",
        "partial": "there are too few equations: a part of the picture stays open",
        "unsupported": "the network has layers that equations do not go through, which hides nothing from a search",
    }.get(verdict or "", "")


def _signal(norm: float | None, noise_std: float, perturbed: bool) -> str:
    if norm is None:
        return "a defense changes the gradient, and this is not allowed for" if perturbed else ""
    if norm < FAINT:
        return f"the gradient is faint (norm {norm:.1e}): the network is already certain of the label"
    if noise_std > 0:
        return f"the gradient has norm {norm:.2g}, the noise {noise_std:.2g} on each value"
    if perturbed:
        return f"the gradient has norm {norm:.2g}, and a defense changes it"
    return f"the gradient has norm {norm:.2g} and nothing hides it"


def _precision(predicted: float | None, best: float | None, perturbed: bool, refined: bool) -> str:
    if predicted is not None:
        by = "" if refined else " by a quick estimate"
        why = "" if perturbed else ", by rounding alone"
        if not predicted < PRIOR:
            return f"without a picture prior, matching errs by {predicted:.2g} per pixel{by}: guessing grey errs by {PRIOR:g}"
        return f"without a picture prior, the expected error is {predicted:.2g} per pixel{by}{why}"
    if best is not None and perturbed:
        return f"the error is at least {best:.2g} per pixel without a picture prior, by the largest eigenvalue alone"
    return "a quick estimate cannot tell how precisely the picture could be worked out" if perturbed else ""
