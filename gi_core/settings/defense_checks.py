"""Which defenses do not go together, or not with the network, the client or the attack: sentences said before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.experiment import Experiment
from gi_core.settings.networks import Linear
from gi_core.settings.noise_defenses import ProtectiveDirection
from gi_core.settings.privacy_defenses import DpSgd
from gi_core.settings.representation_defenses import Mixing, Precode, Soteria

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
    kinds = {type(d) for d in e.defenses}
    mixings = [d for d in e.defenses if isinstance(d, Mixing)]
    if sum(isinstance(d, Precode) for d in e.defenses) > 1:
        yield "defenses", "PRECODE changes the network once: leave the second one out"
    if Soteria in kinds and isinstance(e.model, Linear):
        yield "defenses", PIXELS
    if {Precode, ProtectiveDirection} <= kinds:
        yield "defenses", (
            "the protective direction is that of a network without chance, and PRECODE draws anew in each pass: choose one"
            " of the two"
        )  # fmt: skip
    for mixing in mixings:
        if _mixes_private(mixing) and e.client.clients > 1:
            yield "defenses", "clients do not see each other's pictures, so they cannot mix them: mix with public ones"
        elif mixing.partners == "batch" and mixing.pictures > e.pictures:
            yield "defenses", few_for_mixing(mixing.pictures, e.pictures)
    if DpSgd in kinds:
        yield from (("defenses", reason) for reason in _unbounded(kinds, mixings))


def _mixes_private(mixing: Mixing) -> bool:
    """Whether private pictures are blended with one another."""
    return mixing.pictures > 1 and mixing.partners != "public"


def _unbounded(kinds: set[type[DefenseSettings]], mixings: list[Mixing]) -> Iterator[str]:
    """DP-SGD bounds what one picture changes; whatever carries a picture into others' gradients breaks that bound."""
    if ProtectiveDirection in kinds:
        yield (
            "the protective direction is worked out from the pictures themselves, so DP-SGD's epsilon would not hold: choose"
            " one of the two"
        )
    if Soteria in kinds:
        yield (
            "Soteria chooses what to clear from all pictures at once, so DP-SGD's epsilon would not hold: choose one of the"
            " two"
        )
    if any(map(_mixes_private, mixings)):
        yield (
            "mixing carries each picture into others' gradients, so DP-SGD's epsilon would not hold: mix with public"
            " pictures only, or leave one out"
        )
