"""Attacks made for real updates: batch norm statistics, a prior picture, batches, groups of seeds."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from gi_core.settings.attack_base import LABELS_HELP, START_HELP, AnyStart, Labels
from gi_core.settings.base import setting
from gi_core.settings.matching_base import DECODERS, Matching

BN_HELP = "Weight of the distance between the picture's batch norm statistics and those that the client shared."
DEEP, SHALLOW = 12, 4
"""Batch norms in train mode from which a decoder is searched, and up to which light smoothing is enough."""
Network = Literal["global", "updated"]
Variance = Literal["unbiased", "biased"]


class FlGradientInversion(Matching):
    kind: Literal["fl_gradient_inversion"] = "fl_gradient_inversion"
    title: ClassVar[str] = "FL gradient inversion"
    description: ClassVar[str] = (
        "Searches for a picture that explains a real update and the batch norm statistics sent with it. It starts from a"
        " prior picture where there is one. It works on shallow wide networks; deep ones in train mode resist it."
    )
    paper: ClassVar[str] = (
        "Hatamizadeh et al., Do Gradient Inversion Attacks Make Federated Learning Unsafe?, IEEE TMI 2023"
    )
    link: ClassVar[str] = "https://arxiv.org/abs/2202.06924"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "iterations": 40000, "gradient_weight": 0.0, "batch_norm_weight": 1e-1, "batch_norm_distance": "norms",
            "batch_norm_network": "updated", "batch_norm_variance": "biased", "classification_weight": 1.0,
            "classification": "drifting", "total_variation": 0.0, "variation_norms": 1e-4, "image_norm": 1e-5, "noise": 1e-1,
            "learning_rate": 1e-1, "betas": "equal", "parametrisation": "grey", "network_input": "raw", "labels": "joint",
            "objective": "l2", "signed": False, "boxed": False, "residual_first": False,
        },
        "deep_network": {
            "parametrisation": "deep_image_prior", "batch_norm_weight": 1.0, "total_variation": 1e-3, "learning_rate": 0.1,
        },
        "grey_picture": {"parametrisation": "grey", "batch_norm_weight": 1.0, "total_variation": 0.1},
    }  # fmt: skip

    iterations: int = setting(1000, "Most iterations.", title="Iterations", ge=1, le=100_000, basic=True)
    prior: str | None = setting(
        None, "A picture that the server takes to be like the private one: the start.", title="Prior picture"
    )
    # Four settings may be left to `settled`, after which they are what every matching has.
    parametrisation: Literal["auto", "pixels", "grey", "deep_image_prior", "generator"] = setting(  # type: ignore[assignment]
        "auto",
        "What is searched: the pixels, one grey map shown in all channels, the weights of an untrained decoder, or the"
        f" codes of a generator file. auto: a decoder where {DEEP} or more batch norms take the batch's own statistics,"
        " else pixels.",
        title="Parametrisation",
    )
    gradient_weight: float = setting(
        1.0, "Weight of the gradient's distance.", title="Gradient", ge=0, le=1e6, basic=True
    )
    batch_norm_weight: float | None = setting(  # type: ignore[assignment]
        None, BN_HELP + " Empty: 1 for a decoder, else 0.1.", title="Batch norm", ge=0, le=1e6, basic=True
    )
    total_variation: float | None = setting(  # type: ignore[assignment]
        None,
        "Weight of total variation, in normalised units. Empty: 0.001 for a decoder, else 0.1 where more than"
        f" {SHALLOW} batch norms take the batch's own statistics and 0.01 where fewer do.",
        title="Total variation", ge=0, le=100, basic=True,
    )  # fmt: skip
    learning_rate: float | None = setting(  # type: ignore[assignment]
        None, "Step size of Adam. Empty: 0.1 for a decoder, else 0.03.", title="Step size", gt=0, le=10, basic=True
    )
    objective: Literal["cosine", "relative", "l2"] = setting(
        "cosine", "Distance of gradients: one cosine, |g - g*| / |g*|, or squared.", title="Objective"
    )
    labels: Labels = setting("auto", LABELS_HELP, title="Labels", basic=True)
    start: AnyStart = setting(
        "auto", START_HELP + " auto: the prior picture where there is one, else as Inverting Gradients.", title="Start"
    )
    residual_first: bool = setting(
        False,
        "Solve a ResNet block by block first, as residual recovery does, where that applies (one picture, one step, statistics"
        " known), and start from its picture where that fits the update better than the usual start.",
        title="Residual recovery first", basic=True, added=True,
    )  # fmt: skip
    batch_norm_distance: Literal["relative", "norms"] = setting(
        "relative",
        "Distance of statistics: relative squares in each layer, or plain norms.",
        title="Batch norm distance",
    )
    batch_norm_network: Network = setting(
        "global", "Network whose statistics are matched: before the round, or after it.", title="Batch norm network"
    )
    batch_norm_variance: Variance = setting(
        "unbiased", "Variance as batch norm keeps it (N - 1), or as it normalises by (N).", title="Batch norm variance"
    )
    variation_norms: float = setting(
        0.0, "Weight of the norms of differences in four directions.", title="Variation norms", ge=0, le=100
    )
    image_norm: float = setting(1e-5, "Weight of the picture's norm.", title="Picture norm", ge=0, le=100)
    noise: float = setting(
        0.0, "Normal noise after each step, as a share of the step size.", title="Noise", ge=0, le=10
    )
    classification_weight: float = setting(
        0.0, "Weight of the client's loss at the candidate and its label.", title="Client's loss", ge=0, le=100
    )
    classification: Literal["fixed", "drifting"] = setting(
        "fixed",
        "Network of the client's loss: the server's, or one that takes a local step at each iteration and is never"
        " restored, with binary cross-entropy of free labels.",
        title="Network of the loss",
    )
    network_input: Literal["normalised", "raw"] = setting(
        "normalised", "What the network is given of a grey map: normalised as the client does, or the map itself.",
        title="Network input",
    )  # fmt: skip
    decay: Literal["cosine", "steps", "none"] = setting(
        "cosine",
        "How the step size changes. cosine: it rises over the first 100 steps, or a tenth of all, then falls as half a"
        " cosine. steps: it is divided by ten at 3/8, 5/8 and 7/8 of all. none: it is constant.",
        title="Step decay",
    )
    betas: Literal["standard", "equal"] = setting(
        "standard", "Adam's memory: 0.9 and 0.999, or 0.9 and 0.9.", title="Adam's memory"
    )
    signed: bool = setting(True, "Use only the sign of the picture's gradient.", title="Signed")
    boxed: bool = setting(True, "Keep pixels in range after each step.", title="Boxed")
    precision: Literal["float32", "float64"] = setting("float32", "Arithmetic of the attack.", title="Precision")

    @property
    def made_by(self) -> str:
        return "recursion.started:StartedMatching" if self.residual_first else self.machine

    def settled(self, batch_norms: int = 0) -> Self:
        """The settings with every automatic value chosen; which ones are chosen depends on the network.

        The mean and variance of a batch hide what the deep layers saw of the pixels: a search over pixels then fits them
        by noise, which total variation slows and a decoder cannot draw (Ulyanov et al., Deep Image Prior, CVPR 2018).
        """
        searched = self.parametrisation
        if searched == "auto":
            searched = "deep_image_prior" if batch_norms >= DEEP else "pixels"
        decoder = searched in DECODERS
        smooth = 1e-3 if decoder else 1e-1 if batch_norms > SHALLOW else 1e-2
        usual = {
            "batch_norm_weight": 1.0 if decoder else 0.1, "total_variation": smooth,
            "learning_rate": 0.1 if decoder else 0.03,
        }  # fmt: skip
        chosen = {name: value for name, value in usual.items() if getattr(self, name) is None}
        return Matching.settled(self.model_copy(update=chosen | {"parametrisation": searched}))


class GradInversion(Matching):
    kind: Literal["grad_inversion"] = "grad_inversion"
    title: ClassVar[str] = "GradInversion"
    description: ClassVar[str] = (
        "Searches several times for a whole batch at once and draws the answers to their common mean. It prefers pictures whose"
        " batch norm statistics are those that the client shared, or the network's own."
    )
    paper: ClassVar[str] = "Yin et al., See through Gradients: Image Batch Recovery via GradInversion, CVPR 2021"
    link: ClassVar[str] = "https://arxiv.org/abs/2104.07586"
    own_statistics: ClassVar[bool] = True

    trials: int = setting(
        4, "Searches in the group, each from a start of its own.", title="Group", ge=1, le=64, basic=True
    )
    iterations: int = setting(2000, "Most iterations.", title="Iterations", ge=1, le=100_000, basic=True)
    gradient_weight: float = setting(
        1.0, "Weight of the gradient's distance.", title="Gradient", ge=0, le=1e6, basic=True
    )
    objective: Literal["cosine", "relative", "l2"] = setting(
        "relative", "Distance of gradients: one cosine, |g - g*| / |g*|, or squared, as published.", title="Objective"
    )
    batch_norm_weight: float = setting(
        1e-2,
        "Weight of the distance of batch norm statistics: to those that the client shared, else to the network's own.",
        title="Batch norm", ge=0, le=1e6, basic=True,
    )  # fmt: skip
    group_weight: float = setting(
        1e-2, "Weight of the squared distance to the group's mean.", title="Group consistency", ge=0, le=1e6, basic=True
    )
    register_group: bool = setting(
        True, "Shift the group's pictures onto each other before their mean is taken.", title="Registration"
    )
    total_variation: float = setting(
        1e-2, "Weight of total variation, in normalised units.", title="Total variation", ge=0, le=100, basic=True
    )
    image_norm: float = setting(1e-6, "Weight of the picture's norm.", title="Picture norm", ge=0, le=100)
    noise: float = setting(
        0.0, "Normal noise after each step, as a share of the step size (published: 0.2).", title="Noise", ge=0, le=10
    )
    learning_rate: float = setting(0.1, "Step size of Adam.", title="Step size", gt=0, le=10, basic=True)
    labels: Labels = setting("auto", LABELS_HELP, title="Labels", basic=True)
    start: AnyStart = setting("randn", START_HELP, title="Start")
    decay: Literal["cosine", "steps", "none"] = setting(
        "cosine",
        "How the step size changes. cosine: it rises shortly, then falls as half a cosine. steps: it is divided by ten at"
        " 3/8, 5/8 and 7/8 of all. none: it is constant.",
        title="Step decay",
    )
    signed: bool = setting(True, "Use only the sign of the picture's gradient.", title="Signed")
    boxed: bool = setting(True, "Keep pixels in range after each step.", title="Boxed")
    precision: Literal["float32", "float64"] = setting("float32", "Arithmetic of the attack.", title="Precision")
