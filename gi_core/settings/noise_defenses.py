"""Defenses that add noise to what is sent."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.bounds import MAX_NOISE
from gi_core.settings.defense_base import HEURISTIC, Changes, DefenseSettings, Hook, Perturbation, Revealed

NO_CLIP = f"{HEURISTIC} (no clipping, so no differential privacy)"


class GaussianNoise(DefenseSettings):
    kind: Literal["gaussian_noise"] = "gaussian_noise"
    title: ClassVar[str] = "Gaussian noise"
    description: ClassVar[str] = "Adds independent normal noise to every value of the update."
    paper: ClassVar[str] = "Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5"
    link: ClassVar[str] = "https://arxiv.org/abs/1906.08935"
    guarantee: ClassVar[str] = NO_CLIP
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("noise",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"sigma"})
    predicted: ClassVar[bool] = True

    std: float = setting(
        1e-2, "Standard deviation of the noise, in the update's own units.", title="Noise level", ge=0, le=MAX_NOISE,
        basic=True,
    )  # fmt: skip


class LaplaceNoise(DefenseSettings):
    kind: Literal["laplace_noise"] = "laplace_noise"
    title: ClassVar[str] = "Laplace noise"
    description: ClassVar[str] = (
        "Adds independent Laplace noise to every value of the update; its standard deviation is 1.41 times the scale."
    )
    paper: ClassVar[str] = "Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5"
    guarantee: ClassVar[str] = NO_CLIP
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("noise",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"sigma", "law"})
    predicted: ClassVar[bool] = True

    scale: float = setting(
        1e-2, "Scale b of the density exp(-|n| / b) / (2 b), in the update's own units.", title="Noise scale", ge=0,
        le=MAX_NOISE, basic=True,
    )  # fmt: skip


class PercentileNoise(DefenseSettings):
    kind: Literal["percentile_noise"] = "percentile_noise"
    title: ClassVar[str] = "Percentile noise"
    description: ClassVar[str] = (
        "Adds normal noise in proportion to the update, to everything that is sent, batch norm statistics included. The"
        " standard deviation is a share of a percentile of the sizes of all values."
    )
    paper: ClassVar[str] = (
        "after the GaussianPrivacy filter of NVFlare, as in Hatamizadeh et al., Do Gradient Inversion Attacks Make"
        " Federated Learning Unsafe?, IEEE TMI 2023"
    )
    guarantee: ClassVar[str] = f"{HEURISTIC} (scaled by the data itself, no clipping, no accounting)"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("noise",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"sigma"})
    predicted: ClassVar[bool] = True

    sigma0: float = setting(0.1, "Share of the percentile.", title="Noise level", ge=0, le=100, basic=True)
    percentile: float = setting(
        95.0, "Percentile of the sizes of all values that are not zero.", title="Percentile", gt=0, le=100
    )


class ProtectiveDirection(DefenseSettings):
    kind: Literal["protective_direction"] = "protective_direction"
    title: ClassVar[str] = "Protective direction"
    description: ClassVar[str] = (
        "Adds the perturbation that, for its size, moves the picture of a matching attacker farthest. It is computed from the"
        " Jacobian of the gradient."
    )
    paper: ClassVar[str] = (
        "after Zhang et al., Understanding Deep Gradient Leakage via Inversion Influence Functions, NeurIPS 2023"
    )
    hook: ClassVar[Hook] = "local_round"
    changes: ClassVar[Changes] = "gradient"
    guarantee: ClassVar[str] = f"{HEURISTIC}: a server that knows of it can project it away"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("direction",)
    by_features: ClassVar[bool] = True
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"strength"})
    predicted: ClassVar[bool] = True

    strength: float = setting(
        0.01, "Size of the perturbation as a share of the gradient's norm.", title="Strength", ge=0, le=100, basic=True
    )
