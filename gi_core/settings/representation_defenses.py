"""Defenses that change what the network sees or shows of a picture: its features, a bottleneck, mixtures."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.defense_base import HEURISTIC, Changes, DefenseSettings, Hook, Perturbation, Revealed


class Soteria(DefenseSettings):
    kind: Literal["soteria"] = "soteria"
    title: ClassVar[str] = "Soteria"
    description: ClassVar[str] = (
        "Sets to zero the part of one dense layer's gradient that belongs to the features which show most of the picture."
    )
    paper: ClassVar[str] = (
        "Sun et al., Soteria: Provable Defense Against Privacy Leakage in Federated Learning From Representation"
        " Perspective, CVPR 2021"
    )
    hook: ClassVar[Hook] = "local_round"
    changes: ClassVar[Changes] = "local round"
    guarantee: ClassVar[str] = (
        "heuristic, no guarantee: the paper's bound is of the defended layer's features alone, and all other layers are"
        " sent as they are, so a server that leaves this layer out loses little"
    )
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("clearing",)
    by_features: ClassVar[bool] = True
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"layer", "fraction", "mask"})

    fraction: float = setting(
        0.4, "Share of the layer's input features whose gradient is cleared.", title="Share pruned", ge=0, lt=1,
        basic=True,
    )  # fmt: skip
    layer: str | None = setting(
        None, "Name of the dense layer to defend; the last one when empty.", title="Defended layer", max_length=200
    )


class Precode(DefenseSettings):
    kind: Literal["precode"] = "precode"
    title: ClassVar[str] = "PRECODE"
    description: ClassVar[str] = (
        "Puts a random bottleneck before the last dense layer, drawn anew in each pass, so that the gradients belong to"
        " features that nobody else knows."
    )
    paper: ClassVar[str] = (
        "Scheliga et al., PRECODE: A Generic Model Extension to Prevent Deep Gradient Leakage, WACV 2022"
    )
    hook: ClassVar[Hook] = "wrap_model"
    changes: ClassVar[Changes] = "architecture"
    guarantee: ClassVar[str] = (
        f"{HEURISTIC}: the layers before the bottleneck show one picture to a server that leaves out what comes after the draw"
    )
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("bottleneck",)
    by_features: ClassVar[bool] = True
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"bottleneck"})

    features: int = setting(256, "Width of the bottleneck.", title="Bottleneck width", ge=1, le=4096, basic=True)
    noise: float = setting(
        1.0, "Factor on the noise that is drawn: 1 is the published bottleneck, 0 leaves it without randomness.",
        title="Noise in the bottleneck", ge=0, le=100, basic=True,
    )  # fmt: skip
    beta: float = setting(
        1e-3, "Weight of the bottleneck's own loss (divergence from a normal distribution).", title="Beta", ge=0, le=100
    )


class Mixing(DefenseSettings):
    kind: Literal["mixing"] = "mixing"
    title: ClassVar[str] = "Mixing pictures"
    description: ClassVar[str] = (
        "The client trains on mixtures: each picture blended with others of its batch or with public ones, labels likewise."
    )
    paper: ClassVar[str] = (
        "Zhang et al., mixup, ICLR 2018; Huang et al., InstaHide: Instance-hiding Schemes for Private Distributed"
        " Learning, ICML 2020"
    )
    hook: ClassVar[Hook] = "local_round"
    changes: ClassVar[Changes] = "pictures"
    guarantee: ClassVar[str] = f"{HEURISTIC}: InstaHide's mixtures have been separated again (Carlini et al., 2021)"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("mixture",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"soft_labels", "coefficients"})
    unread: ClassVar[str] = (
        "what was mixed with the picture cannot be read off an update: leave mixing out, and the mixture is attacked"
    )

    pictures: int = setting(
        2, "Pictures in each mixture, the own one counted; 1 mixes nothing.", title="Pictures mixed", ge=1, le=16,
        basic=True,
    )  # fmt: skip
    partners: Literal["both", "batch", "public"] = setting(
        "both",
        "Whom a picture is mixed with: one of its own batch if there is one and public pictures, others of the batch only,"
        " or public pictures only.",
        title="Mixed with",
        basic=True,
    )
    pool: Literal["crops", "faces"] = setting(
        "crops", "Public pictures: crops of the bundled photographs, or the bundled faces.", title="Public pictures"
    )
    sign_flip: bool = setting(
        False, "Flip each value of the mixture about mid-grey with probability one half, as InstaHide does.",
        title="Random sign flips", basic=True,
    )  # fmt: skip
    largest: float = setting(
        0.65, "No picture has a larger share of its mixture than this (InstaHide: 0.65).", title="Largest share",
        ge=0.55, le=1,
    )  # fmt: skip
    alpha: float = setting(
        1.0, "Shares are drawn from Dirichlet(alpha): the smaller, the more uneven.", title="Alpha", ge=0.2, le=100
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "mixup": {"pictures": 2, "partners": "batch", "largest": 1.0, "alpha": 1.0},
        "instahide": {"pictures": 4, "partners": "both", "largest": 0.65, "sign_flip": True},
    }
