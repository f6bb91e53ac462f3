"""What a client does to its round so that less leaks, in the order given: all that the modules `*_defenses` of this package have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.found import found

_FIRST = (
    "noise_defenses", "privacy_defenses", "compression_defenses", "withholding_defenses", "representation_defenses",
)  # fmt: skip
if TYPE_CHECKING:
    AnyDefense = DefenseSettings
else:
    AnyDefense = Annotated[Union[found(DefenseSettings, "_defenses", _FIRST)], Field(discriminator="kind")]  # noqa: UP007
"""In the order in which they are listed: noise, bounds, compression, withholding, representation, mixing; others last."""


def built_in(defenses: tuple[DefenseSettings, ...]) -> tuple[DefenseSettings, ...]:
    """The defenses that change the network itself: whoever has an update of that network needs them to build it."""
    return tuple(d for d in defenses if d.hook == "wrap_model")
