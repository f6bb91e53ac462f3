"""Defenses that do not send a part of the update at all."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.spec.base import setting
from gi_core.spec.defense_base import HEURISTIC, DefenseSettings


class WithheldLayers(DefenseSettings):
    kind: Literal["withheld_layers"] = "withheld_layers"
    title: ClassVar[str] = "Withheld layers"
    description: ClassVar[str] = "Does not send some tensors of the update; everyone sees which."
    guarantee: ClassVar[str] = f"{HEURISTIC}: what is sent is exact"

    which: Literal["first", "last", "biases", "batch_norm", "named"] = setting(
        "first",
        "The first or last tensors, all biases, the parameters of batch norm, or those with a word in their name.",
        title="Which",
        basic=True,
    )
    count: int = setting(2, "Tensors, of first and last.", title="Tensors", ge=0, le=10_000, basic=True)
    part: str = setting("", "Part of the names of tensors, of named.", title="Part of the name", max_length=100)
