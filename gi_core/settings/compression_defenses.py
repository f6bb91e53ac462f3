"""Defenses that send less of every value: pruning, sparsification, quantisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.defense_base import DefenseSettings, Perturbation, Revealed

Scope = Literal["tensor", "global"]


class Pruning(DefenseSettings):
    kind: Literal["pruning"] = "pruning"
    title: ClassVar[str] = "Pruning"
    description: ClassVar[str] = "Sets the smallest values of the update, or of each of its tensors, to zero."
    paper: ClassVar[str] = "Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5"
    link: ClassVar[str] = "https://arxiv.org/abs/1906.08935"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("clearing",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"fraction", "mask"})
    predicted: ClassVar[bool] = True

    fraction: float = setting(0.4, "Share of values set to zero.", title="Share pruned", ge=0, lt=1, basic=True)
    scope: Scope = setting(
        "tensor", "The share of each tensor, or of all values together as in the influence paper.", title="Counted over"
    )


class RandomPruning(DefenseSettings):
    kind: Literal["random_pruning"] = "random_pruning"
    title: ClassVar[str] = "Random pruning"
    description: ClassVar[str] = (
        "Keeps a share of the values, drawn at random in each tensor, and sets the others to zero."
    )
    paper: ClassVar[str] = "Konecny et al., Federated Learning: Strategies for Improving Communication Efficiency, 2016"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("clearing",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"fraction", "mask"})
    predicted: ClassVar[bool] = True

    kept: float = setting(0.5, "Share of values that are kept.", title="Share kept", gt=0, le=1, basic=True)


class TopK(DefenseSettings):
    kind: Literal["top_k"] = "top_k"
    title: ClassVar[str] = "Top-k with error feedback"
    description: ClassVar[str] = (
        "Keeps the values of largest size; what is left out is remembered and added to the client's next update."
    )
    paper: ClassVar[str] = "Aji and Heafield, Sparse Communication for Distributed Gradient Descent, EMNLP 2017"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("clearing",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"fraction", "mask"})
    predicted: ClassVar[bool] = True

    kept: float = setting(0.1, "Share of values that are sent.", title="Share kept", gt=0, le=1, basic=True)
    scope: Scope = setting("global", "The share of all values together, or of each tensor.", title="Counted over")
    rounds: int = setting(
        0, "Rounds of the same client before this one, each taken to be like this one, whose remainder is added.",
        title="Earlier rounds", ge=0, le=1000,
    )  # fmt: skip


class Quantisation(DefenseSettings):
    kind: Literal["quantisation"] = "quantisation"
    title: ClassVar[str] = "Quantisation"
    description: ClassVar[str] = (
        "Rounds each tensor of the update to 2^bits evenly spaced levels (1 bit: sign times mean size)."
    )
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("rounding",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"levels", "steps"})
    predicted: ClassVar[bool] = True

    bits: int = setting(8, "Bits of a value.", title="Bits", ge=1, le=16, basic=True)


class HalfPrecision(DefenseSettings):
    kind: Literal["half_precision"] = "half_precision"
    title: ClassVar[str] = "Half precision"
    description: ClassVar[str] = "Sends every value in 16 bits instead of 32."
    guarantee: ClassVar[str] = "none: it saves bandwidth, and three digits of a value are left"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("rounding",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"format", "relative_step"})
    predicted: ClassVar[bool] = True

    format: Literal["float16", "bfloat16"] = setting(
        "float16", "Format of a value: float16 keeps 11 binary digits, bfloat16 keeps 8 and has a wider range.",
        title="Format", basic=True,
    )  # fmt: skip
