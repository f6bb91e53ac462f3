"""Which defenses do not go together, or not with the network, the client or the attack: sentences told before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.experiment import Experiment

Found = Iterator[tuple[str, str]]
"""(field, reason): each refuses."""
PIXELS = (
    "Soteria needs a dense layer that is given features, and this one sees the pixels themselves: choose a network with a"
    " layer before it"
)


def few_for_mixing(wanted: int, images: int) -> str:
    """Why a batch cannot be mixed."""
    return (
        f"mixing {wanted} pictures of one batch needs {wanted} or more, and there are {images}: add pictures, mix fewer, or"
        " mix with public ones"
    )


def conflicts(e: Experiment) -> Found:
    """What refuses the experiment because of its defenses."""
    kinds = {d.kind: d for d in e.defenses}
    if sum(d.kind == "precode" for d in e.defenses) > 1:
        yield "defenses", "PRECODE changes the network once: leave the second one out"
    if "soteria" in kinds and e.model.kind == "linear":
        yield "defenses", PIXELS
    if {"precode", "protective_direction"} <= set(kinds):
        yield (
            "defenses",
            (
                "the protective direction is that of a network without chance, and PRECODE draws anew in each pass: choose one"
                " of the two"
            ),
        )
    if "mixing" in kinds:
        yield from _mixing(e, kinds["mixing"])
    if "dp_sgd" in kinds:
        yield from _private(kinds)


def _mixing(e: Experiment, mixing: DefenseSettings) -> Found:
    inside = mixing.pictures > 1 and mixing.partners != "public"  # type: ignore[attr-defined]
    if inside and e.client.clients > 1:
        yield "defenses", "clients do not see each other's pictures, so they cannot mix them: mix with public ones"
    elif mixing.partners == "batch" and mixing.pictures > e.pictures:  # type: ignore[attr-defined]
        yield "defenses", few_for_mixing(mixing.pictures, e.pictures)  # type: ignore[attr-defined]


def _private(kinds: dict[str, DefenseSettings]) -> Found:
    """DP-SGD bounds what one picture changes; whatever carries a picture into others' gradients breaks that bound."""
    mixing = kinds.get("mixing")
    if "protective_direction" in kinds:
        yield (
            "defenses",
            (
                "the protective direction is worked out from the pictures themselves, so DP-SGD's epsilon would not hold: choose"
                " one of the two"
            ),
        )
    if "soteria" in kinds:
        yield (
            "defenses",
            (
                "Soteria chooses what to clear from all pictures at once, so DP-SGD's epsilon would not hold: choose one of the"
                " two"
            ),
        )
    if mixing is not None and mixing.pictures > 1 and mixing.partners != "public":  # type: ignore[attr-defined]
        yield (
            "defenses",
            (
                "mixing carries each picture into others' gradients, so DP-SGD's epsilon would not hold: mix with public"
                " pictures only, or leave one out"
            ),
        )
