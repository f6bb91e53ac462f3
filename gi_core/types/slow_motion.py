"""What a job of slow motion ends with: the first iterations of a gradient matching, one by one. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, cast, final


class Moment(TypedDict):
    """One iteration."""

    iteration: Annotated[int, "counted from 1"]
    loss: Annotated[float, "the attacker's loss D(x) before it"]
    gradient: Annotated[float, "L2 norm of dD/dx before it, x being what is searched"]
    moved: Annotated[float, "L2 norm of the change of x"]
    after: Annotated[float, "D(x) after it"]
    picture: Annotated[str, "what the attacker holds after it, a file of the job's folder"]


@final
class SlowMotion(TypedDict):
    """All of them."""

    status: Annotated[str, "done"]
    rule: Annotated[str, "how x moves, as a formula"]
    start: Annotated[str, "the picture that the attack starts from, a file of the job's folder"]
    moments: Annotated[list[Moment], "in their order"]


def read(document: Mapping[str, Any] | None) -> SlowMotion | None:
    """A stored document as slow motion; None where there is none."""
    return cast(SlowMotion, document) if document is not None and document.get("moments") else None
