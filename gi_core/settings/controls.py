"""Standing controls: what an attack gets where it cannot get anything of the private picture. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from gi_core.settings.matching_base import DECODERS, Matching

if TYPE_CHECKING:
    from gi_core.settings.experiment import Experiment

Control = Literal["none", "noise", "other", "prior"]
CONTROLS: dict[str, tuple[str, str]] = {
    "noise": ("Control: noise", "an update of random numbers, each tensor as long as the client's"),
    "other": ("Control: another client", "the update of a client that has the next picture of the same source"),
    "prior": ("Control: prior alone", "no update at all: what the attack's prior makes by itself"),
}
"""Control -> (title, what the attack is given in place of the client's update)."""
OWN = "The client's own update"
HELP = (
    "In place of the client's update: none, the update itself; noise, random numbers of the same length; other, another client's"
    " update; prior, nothing but the attack's prior. The answer is compared with the private picture all the same."
)
_PRIORS = (
    "total_variation",
    "variation_norms",
    "image_norm",
    "batch_norm_weight",
    "classification_weight",
    "group_weight",
)


def has_prior(attack: object) -> bool:
    """Whether anything but the update tells this attack what a picture looks like."""
    if not isinstance(attack, Matching):
        return False
    return attack.parametrisation in DECODERS or any(getattr(attack, name) for name in _PRIORS)


def control_conflicts(e: Experiment) -> Iterator[tuple[str, str]]:
    """(field, sentence) of a control that there is not."""
    if e.control == "prior" and not has_prior(e.attack):
        yield "control", f"{e.attack.title} has no prior: use noise or other"
    if e.control == "other" and e.recorded is not None:
        yield "control", "another client's update cannot be made of files: choose noise or prior"
