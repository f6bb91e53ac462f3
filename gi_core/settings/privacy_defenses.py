"""Defenses that bound what one picture can change: clipping, and differential privacy by DP-SGD."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.defense_base import Changes, DefenseSettings, Hook, Perturbation, Revealed


class Clipping(DefenseSettings):
    kind: Literal["clipping"] = "clipping"
    title: ClassVar[str] = "Clipping"
    description: ClassVar[str] = "Scales the whole update down so that its L2 norm is at most the bound."
    guarantee: ClassVar[str] = "none by itself: a scaled gradient carries the same information"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("rescaling",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"clip"})
    predicted: ClassVar[bool] = True

    norm: float = setting(1.0, "Largest L2 norm of the update.", title="Largest norm", gt=0, le=1e6, basic=True)


class DpSgd(DefenseSettings):
    kind: Literal["dp_sgd"] = "dp_sgd"
    title: ClassVar[str] = "DP-SGD"
    description: ClassVar[str] = (
        "Clips each picture's own gradient, adds normal noise to their sum and divides it by their number, in every step"
        " of the client."
    )
    paper: ClassVar[str] = "Abadi et al., Deep Learning with Differential Privacy, CCS 2016"
    link: ClassVar[str] = "https://arxiv.org/abs/1607.00133"
    hook: ClassVar[Hook] = "local_round"
    changes: ClassVar[Changes] = "local round"
    guarantee: ClassVar[str] = (
        "(epsilon, delta)-differential privacy of each picture: all that the client sends is about as likely with the"
        " picture as without it (added or removed), if every step takes each picture at random with the same"
        " probability; nothing without noise, and labels or data shared by other ways are not covered"
    )
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("noise", "rescaling")
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"sigma", "clip", "noise_multiplier", "per_picture"})
    predicted: ClassVar[bool] = True

    noise_multiplier: float = setting(
        1.0, "Standard deviation of the noise on the sum of gradients, over the bound.", title="Noise multiplier", ge=0,
        le=1e4, basic=True,
    )  # fmt: skip
    clip: float = setting(1.0, "Largest L2 norm of one picture's gradient.", title="Bound", gt=0, le=1e9, basic=True)
    delta: float = setting(
        1e-5, "Probability with which the guarantee may fail; well below one over the number of records.", gt=0, lt=1
    )
    records: int | None = setting(
        None, "Pictures that the client has, of which a step draws a share; only those of this round when empty.",
        title="Records", ge=1, le=10**9,
    )  # fmt: skip
    rounds: int = setting(1, "Rounds that the client takes part in.", title="Rounds", ge=1, le=10**6)
