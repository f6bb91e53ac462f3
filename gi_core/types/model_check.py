"""What a client can notice of a network before it trains on it, as a document."""

from __future__ import annotations

from typing import Annotated, TypedDict


class Noticed(TypedDict):
    """One check of a network that was received."""

    check: Annotated[str, "which check"]
    score: Annotated[float, "its number over what honest networks stay below: 1 and more is noticed"]
    value: Annotated[float | None, "the number itself; None where it is infinite"]
    sentence: Annotated[str, "what was found, in words"]


class ModelCheck(TypedDict):
    """All checks of a network."""

    suspicious: Annotated[bool, "whether any check noticed something"]
    score: Annotated[float, "the largest score, 99 at most"]
    sentence: Annotated[str, "the verdict"]
    of_class: Annotated[int | None, "the class that the network asks for"]
    noticed: Annotated[list[Noticed], "each check, largest score first"]
