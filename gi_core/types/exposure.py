"""What rounds on the same pictures tell together, field by field. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from collections.abc import Sequence
from typing import Annotated, TypedDict


class ExposureRound(TypedDict):
    """What is known after so many rounds."""

    rounds: Annotated[int, "rounds together, from 1"]
    rank: Annotated[int, "directions of the pictures that these rounds show, at the precision of what is sent"]
    expected_error: Annotated[float, "root mean square error per pixel that follows, in [0, 1]"]
    exact: Annotated[bool, "whether every direction shows and the error is below one grey level of 255"]


class Exposure(TypedDict):
    """In which round a client that trains on the same pictures is exposed."""

    directions: Annotated[int, "all directions: values of the pictures"]
    asked: Annotated[int, "most rounds that were looked at"]
    rate: Annotated[
        float | None, "step of the network between rounds, down the gradient; null where they took their own course"
    ]
    exact_after: Annotated[int | None, "rounds after which the pictures are exact; null where they are not by then"]
    rounds: Annotated[list[ExposureRound], "one for each round, up to the first that is exact"]
    sentence: Annotated[str, "the same for a person"]


def sentence(rows: Sequence[ExposureRound], directions: int, exact: int | None, asked: int) -> str:
    """For a person, who need not know what a rank is."""
    first, last = rows[0], rows[-1]
    if exact == 1:
        return (
            f"Exact after one round: its update shows all {directions} directions of the pictures, to about"
            f" {last['expected_error']:.1g} per pixel."
        )
    shown = f"one update shows {first['rank']} of {directions} directions of the pictures"
    if exact is not None:
        return (
            f"Safe from exact recovery in one round, exact after {exact}: {shown}, {exact} updates of the same pictures show all,"
            f" to about {last['expected_error']:.1g} per pixel."
        )
    rounds = "one round" if asked == 1 else f"{asked} rounds"
    after = "" if asked == 1 else f", {asked} together show {last['rank']}"
    return f"Not exact within {rounds}: {shown}{after}, to about {last['expected_error']:.1g} per pixel."
