"""What a client does to its round so that less leaks, in the order given; a module for each idea."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gi_core.settings.compression_defenses import HalfPrecision, Pruning, Quantisation, RandomPruning, TopK
from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.noise_defenses import GaussianNoise, LaplaceNoise, PercentileNoise, ProtectiveDirection
from gi_core.settings.privacy_defenses import Clipping, DpSgd
from gi_core.settings.representation_defenses import Mixing, Precode, Soteria
from gi_core.settings.withholding_defenses import WithheldLayers

AnyDefense = Annotated[
    GaussianNoise
    | LaplaceNoise
    | PercentileNoise
    | ProtectiveDirection
    | Clipping
    | DpSgd
    | Pruning
    | RandomPruning
    | TopK
    | Quantisation
    | HalfPrecision
    | WithheldLayers
    | Soteria
    | Precode
    | Mixing,
    Field(discriminator="kind"),
]
"""In the order in which they are listed: noise, bounds, compression, withholding, representation, mixing."""


def built_in(defenses: tuple[DefenseSettings, ...]) -> tuple[DefenseSettings, ...]:
    """The defenses that change the network itself: whoever has an update of that network needs them to build it."""
    return tuple(d for d in defenses if d.hook == "wrap_model")
