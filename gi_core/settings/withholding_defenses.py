"""Defenses that do not send a part of the update at all."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.defense_base import HEURISTIC, DefenseSettings, Perturbation, Revealed


class WithheldLayers(DefenseSettings):
    kind: Literal["withheld_layers"] = "withheld_layers"
    title: ClassVar[str] = "Withheld layers"
    description: ClassVar[str] = "Does not send some tensors of the update; everyone sees which."
    guarantee: ClassVar[str] = f"{HEURISTIC}: what is sent is exact"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("withholding",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"withheld"})

    which: Literal["first", "last", "biases", "batch_norm", "named"] = setting(
        "first",
        "Which tensors are withheld: the first or the last, all biases, the parameters of batch norm, or those with a given"
        " text in their names.",
        title="Which",
        basic=True,
    )
    count: int = setting(
        2, "How many tensors are withheld, if the first or the last are.", title="Tensors", ge=0, le=10_000, basic=True
    )
    part: str = setting(
        "", "Tensors with this text in their names are withheld, if they are chosen by name.", title="Part of the name",
        max_length=100,
    )  # fmt: skip
