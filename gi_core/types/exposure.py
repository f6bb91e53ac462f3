"""What rounds on the same pictures tell together, field by field. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict


class ExposureRound(TypedDict):
    """What is known after so many rounds."""

    rounds: Annotated[int, "rounds together, from 1"]
    rank: Annotated[int, "directions of the pictures that these rounds show, at the precision of what is sent"]
    expected_error: Annotated[float, "root mean square error per pixel that follows, in [0, 1]"]
    exact: Annotated[bool, "whether every direction shows and the error is below one grey level of 255"]


class ClientExposure(ExposureRound):
    """The same of a client of a federation after the rounds in which it was attacked."""

    directions: Annotated[int, "all directions: values of the client's pictures"]


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


def of_client(rows: Sequence[tuple[int, ClientExposure]]) -> str:
    """In which round of a federation a client's pictures were exposed, for a person. rows: (number of the round, what is known then)."""
    number, first = rows[0]
    last, now = rows[-1]
    exact = next((k for k, row in rows if row["exact"]), None)
    if exact == number:
        return f"exact in round {number}"
    open_ = f"safe from exact recovery in round {number} ({first['rank']} of {first['directions']} directions shown)"
    if exact is not None:
        return f"{open_}, exact in round {exact}"
    return open_ if last == number else f"{open_}, not exact by round {last} ({now['rank']})"


def exposures(rounds: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """`of_client` of each client of a federation's rounds whose pictures were examined, by its number."""
    rows: dict[int, list[tuple[int, ClientExposure]]] = {}
    for entry in rounds:
        for one in entry["clients"]:
            if one.get("exposure"):
                rows.setdefault(one["client"], []).append((entry["round"], one["exposure"]))
    return {client: of_client(found) for client, found in sorted(rows.items())}
