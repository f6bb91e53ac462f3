"""What the risk meter says of a question, in a preview and in a result, field by field. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from typing import Annotated, Literal, NotRequired, TypedDict

Level = Literal["exposed", "partly", "protected"]


class Grounds(TypedDict):
    """What the meter rests on: the arguments of `gi_core.analysis.risk.assess`."""

    verdict: Annotated[str | None, "of the rank analysis; null where there is none"]
    images: Annotated[int, "pictures behind the update"]
    gradient_norm: Annotated[
        float | None, "L2 norm of the update, in a gradient's units; null where it was not worked out"
    ]
    predicted_rmse: Annotated[float | None, "expected error by the spectrum, per pixel in [0, 1]"]
    best_case: Annotated[float | None, "least error by the largest eigenvalue alone, per pixel in [0, 1]"]
    noise_std: Annotated[float, "standard deviation of the noise on each value, in a gradient's units"]
    perturbed: Annotated[bool, "whether a defense changed the update"]
    refined: Annotated[bool, "whether the spectrum is more than a quick estimate"]
    doubt: Annotated[str, "why the error cannot be worked out, one clause; empty where it can"]
    closed: NotRequired[
        Annotated[str, "what equations give of these pictures, one clause; empty where the verdict says all"]
    ]


class Risk(TypedDict):
    """The meter."""

    level: Annotated[Level, "how exposed the pictures are"]
    sentence: Annotated[str, "the same in words"]
    reasons: Annotated[list[str], "why, one clause each"]
    error: Annotated[float | None, "expected root mean squared error per pixel, in [0, 1]"]
    refined: Annotated[bool, "whether the error is more than a quick estimate"]
    grounds: Annotated[Grounds, "what it rests on"]
    right: NotRequired[
        Annotated[bool | None, "after the run: whether it was right; null where the run does not settle it"]
    ]
    afterwards: NotRequired[Annotated[str, "after the run: what was measured, one sentence"]]


class Calibration(TypedDict):
    """Predicted beside measured error of one picture behind a perturbing defense; root mean squares per pixel, unclamped."""

    predicted_rmse: Annotated[float | None, "for the perturbation that was drawn, without a picture prior"]
    predicted_rmse_with_prior: Annotated[float | None, "with a Gaussian picture prior"]
    measured_rmse: Annotated[float | None, "of the answer"]
    protected: Annotated[bool, "whether the prediction is no better than guessing grey"]
