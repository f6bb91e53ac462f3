"""What a worker says of an experiment before it is run, field by field. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict, cast

from gi_core.types.model_check import ModelCheck
from gi_core.types.result import Settings
from gi_core.types.result_parts import Change, Effect
from gi_core.types.risk import Risk


class Wrong(TypedDict):
    """One thing that does not fit."""

    field: Annotated[str, "the setting, by its dotted path"]
    reason: Annotated[str, "one sentence"]
    fatal: Annotated[bool, "whether the experiment cannot be run"]


class Preview(TypedDict):
    """Null is what a fatal problem, or a training that comes first, leaves open."""

    problems: Annotated[list[Wrong], "worst first"]
    notices: Annotated[list[str], "sentences"]
    gradient_norm: Annotated[float | None, "L2 norm of the update"]
    parameters: Annotated[int | None, "trainable numbers of the network"]
    accuracy: Annotated[float | None, "of the network on pictures it was not trained on, in [0, 1]"]
    input_shape: Annotated[list[int] | None, "[channels, height, width]"]
    classes: Annotated[int | None, "of the pictures' data"]
    labels_true: Annotated[list[int] | None, "class numbers; null where nobody here has them"]
    class_names: Annotated[list[str] | None, "in their order"]
    seconds_estimate: Annotated[float | None, "s that the attack will take"]
    seconds_per_iteration: Annotated[float | None, "s"]
    iterations_estimate: Annotated[int | None, "iterations that it will take"]
    plan: Annotated[Settings | None, "how the engine would run the network"]
    original_png_path: Annotated[str | None, "the pictures as the network gets them; null where nobody here has them"]
    effects: Annotated[list[Effect], "what each defense did to the update, in order"]
    sent: Annotated[Change | None, "what all of them did together; null without any"]
    risk: NotRequired[Annotated[Risk, "the risk meter"]]
    model_check: NotRequired[
        Annotated[ModelCheck, "what a client could notice of the network, where the server changed it"]
    ]


def empty() -> Preview:
    """A preview that leaves everything open."""
    return {
        "problems": [], "notices": [], "gradient_norm": None, "parameters": None, "accuracy": None, "input_shape": None,
        "classes": None, "labels_true": None, "class_names": None, "seconds_estimate": None, "seconds_per_iteration": None,
        "iterations_estimate": None, "plan": None, "original_png_path": None, "effects": [], "sent": None,
    }  # fmt: skip


def read(document: Mapping[str, Any]) -> Preview:
    """A stored answer; what an older version did not say is open."""
    return cast(Preview, {**empty(), **document})
