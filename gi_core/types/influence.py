"""What the influence says of the pictures of an experiment, field by field. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict, cast, final

from gi_core.types.result_parts import Network


class Moved(TypedDict):
    """How far a perturbation delta of the update moves the picture that explains it."""

    perturbation: Annotated[str, "what delta is: noise, rounding, or what the defenses did"]
    noise_std: Annotated[float | None, "standard deviation of the noise on each value"]
    jacobian_delta_norm: Annotated[float | None, "|J delta|"]
    influence: Annotated[float | None, "L2 over all pixels, in normalised units"]
    lower_bound: Annotated[float | None, "|J delta| / eigenvalue_max"]
    predicted_rmse: Annotated[float | None, "per pixel, in [0, 1]; null where nothing moves the gradient"]
    predicted_rmse_normalised: Annotated[float | None, "the same in normalised units"]
    predicted_rmse_with_prior: Annotated[float | None, "with a pixel prior, in [0, 1]"]
    second_order: NotRequired[
        Annotated[float | None, "share that the next term adds; null where it was not worked out"]
    ]
    linear: NotRequired[Annotated[bool | None, "whether the prediction is within its range"]]


class Curve(TypedDict):
    """Predicted error over noise levels."""

    noise_std: Annotated[list[float], "of each value"]
    rmse: Annotated[list[float | None], "per pixel, in [0, 1]"]
    rmse_with_prior: Annotated[list[float | None], "with a pixel prior, in [0, 1]"]


class Described(Moved):
    """One picture's numbers."""

    eigenvalue_max: Annotated[float, "largest of J J^T"]
    eigenvalue_min: Annotated[float, "smallest of J J^T"]
    damping: Annotated[float, "absolute"]
    gradient_norm: Annotated[float, "L2"]
    exact: Annotated[bool, "whether the whole spectrum was worked out"]
    relative_error: Annotated[float, "standard error of the squared prediction; 0 where the spectrum is exact"]
    seconds: Annotated[float, "s that it took"]
    drawn: NotRequired[Annotated[Moved, "the same for the noise that the experiment's seed draws"]]
    protected: Annotated[bool, "whether matching alone would err as much as guessing grey"]
    words: Annotated[str, "one sentence"]


class Picture(TypedDict):
    """One picture of the answer."""

    sample: Annotated[str, "its reference"]
    label: Annotated[int, "class number"]
    class_name: Annotated[str, "class"]
    picture: NotRequired[Annotated[str, "as the network gets it, a file of the job's folder"]]


@final
class Unknown(Picture):
    """A picture that could not be analysed."""

    error: Annotated[str, "why, one sentence"]


@final
class Analysed(Picture, Described):
    """A picture with its numbers."""

    key: Annotated[str, "of its kept spectrum"]
    spectrum: Annotated[dict[str, Any], "eigenvalues for a chart, and what is predicted from them"]
    curve: Annotated[Curve, "predicted error over noise levels"]


class Influence(Network):
    """The answer: what is known of the network's weights, and the pictures in the order asked."""

    model: Annotated[str, "the network as written on a command line"]
    shape: Annotated[list[int], "[channels, height, width]"]
    samples: Annotated[list[Unknown | Analysed], "the pictures"]


def read(document: Mapping[str, Any] | None) -> Influence | None:
    """A stored answer; None where there is none."""
    return cast(Influence, document) if document and "samples" in document else None
