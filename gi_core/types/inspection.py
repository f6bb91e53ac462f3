"""What is in the files of a recorded round, before anybody attacks it, field by field. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast


class FileLayer(TypedDict):
    """One tensor of the update."""

    name: Annotated[str, "the network's name where it is known, else the file's"]
    file_name: Annotated[str, "the file's name"]
    shape: Annotated[list[int], "its shape"]
    values: Annotated[int, "how many it has"]
    norm: Annotated[float | None, "L2 norm; null where it is not finite"]
    relative: Annotated[float | None, "that over the norm of the weights before, where they are known"]
    buffer: Annotated[bool, "whether it is a buffer of batch norm and no parameter"]


Statistics = TypedDict(  # "from" is no name of Python's
    "Statistics", {
        "present": Annotated[bool, "whether there are running statistics after the round"],
        "from": Annotated[Literal["file", "change", "none"], "their own file, or changes in the update"],
        "entries": Annotated[int, "how many"],
    },
)  # fmt: skip


class Inspection(TypedDict):
    """What the files hold."""

    layers: Annotated[list[FileLayer], "tensors, in the network's order where it is known"]
    parameters: Annotated[int, "values that are no buffer's"]
    norm: Annotated[float | None, "L2 norm of all of them; null where it is not finite"]
    finite: Annotated[bool, "whether all values are finite"]
    not_finite: Annotated[list[str], "tensors that hold others, at most 20"]
    classes: Annotated[int | None, "rows of the last layer"]
    channels: Annotated[int | None, "of the pictures, by the first convolution"]
    steps: Annotated[int | None, "local steps, by batch norm's counters"]
    learning_rate: Annotated[float | None, "null: no update says it"]
    statistics: Annotated[Statistics, "batch norm's running statistics"]
    scheme: Annotated[str | None, "how names were matched; null where they were not"]
    checkpoint_scheme: Annotated[str | None, "the same of the checkpoint"]
    problem: Annotated[str | None, "why the files do not belong to the network, one sentence"]
    notices: Annotated[list[str], "sentences"]
    table: NotRequired[Annotated[list[list[str]], "[the network's name, the file's] where more than a prefix differs"]]
    whole: NotRequired[Annotated[bool, "whether whole weights were sent"]]
    frozen: NotRequired[Annotated[list[str], "tensors that did not train"]]
    cosine: NotRequired[Annotated[float | None, "between what was sent and the checkpoint"]]


def read(document: Mapping[str, Any] | None) -> Inspection | None:
    """A stored answer; None where there is none."""
    return cast(Inspection, document) if document and "layers" in document else None
