"""What a client does to its round so that less leaks, in the order given.

`hook` says where it acts: `wrap_model`, `local_round` or `filter_update`.
`guarantee` is what it promises; "heuristic, no guarantee" where that is the truth.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.spec.base import Component, setting

Hook = Literal["wrap_model", "local_round", "filter_update"]


class DefenseSettings(Component):
    hook: ClassVar[Hook] = "filter_update"
    guarantee: ClassVar[str] = "heuristic, no guarantee"


class GaussianNoise(DefenseSettings):
    kind: Literal["gaussian_noise"] = "gaussian_noise"
    title: ClassVar[str] = "Gaussian noise"
    description: ClassVar[str] = "Adds independent normal noise to every value of the update."
    paper: ClassVar[str] = "Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5"
    guarantee: ClassVar[str] = "heuristic, no guarantee (no clipping, so no differential privacy)"

    std: float = setting(
        1e-2,
        "Standard deviation of the noise, in the update's own units.",
        title="Noise level",
        ge=0,
        le=1e3,
        basic=True,
    )


class Clipping(DefenseSettings):
    kind: Literal["clipping"] = "clipping"
    title: ClassVar[str] = "Clipping"
    description: ClassVar[str] = "Scales the whole update down so that its L2 norm is at most the bound."
    guarantee: ClassVar[str] = "none by itself: a scaled gradient carries the same information"

    norm: float = setting(1.0, "Largest L2 norm of the update.", title="Largest norm", gt=0, le=1e6, basic=True)


class Pruning(DefenseSettings):
    kind: Literal["pruning"] = "pruning"
    title: ClassVar[str] = "Pruning"
    description: ClassVar[str] = "Sets the smallest values of the update, or of each of its tensors, to zero."
    paper: ClassVar[str] = "Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5"

    fraction: float = setting(0.4, "Share of values set to zero.", title="Share pruned", ge=0, lt=1, basic=True)
    scope: Literal["tensor", "global"] = setting(
        "tensor", "The share of each tensor, or of all values together as in the influence paper.", title="Counted over"
    )


class Quantisation(DefenseSettings):
    kind: Literal["quantisation"] = "quantisation"
    title: ClassVar[str] = "Quantisation"
    description: ClassVar[str] = (
        "Rounds each tensor of the update to 2^bits evenly spaced levels (1 bit: sign times mean size)."
    )

    bits: int = setting(8, "Bits of a value.", title="Bits", ge=1, le=16, basic=True)


class ProtectiveDirection(DefenseSettings):
    kind: Literal["protective_direction"] = "protective_direction"
    title: ClassVar[str] = "Protective direction"
    description: ClassVar[str] = (
        "Adds the one perturbation of its size that moves a matching attacker's picture farthest, found from the gradient's Jacobian."
    )
    paper: ClassVar[str] = (
        "after Zhang et al., Understanding Deep Gradient Leakage via Inversion Influence Functions, NeurIPS 2023"
    )
    hook: ClassVar[Hook] = "local_round"
    guarantee: ClassVar[str] = "heuristic, no guarantee: a server that knows of it can project it away"

    strength: float = setting(
        0.01, "Size of the perturbation as a share of the gradient's norm.", title="Strength", ge=0, le=100, basic=True
    )


AnyDefense = Annotated[
    GaussianNoise | Clipping | Pruning | Quantisation | ProtectiveDirection, Field(discriminator="kind")
]
