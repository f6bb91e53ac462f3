"""Attacks that solve for the picture layer by layer, as settings.

They run once: a step is a layer, and several trials are the several solutions of one equation.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from gi_core.settings.attack_base import KNOWN, AttackSettings
from gi_core.settings.base import setting
from gi_core.settings.defense_base import Perturbation

_ROUNDS = (
    "Rounds of smoothing by total variation, where the first layer has fewer equations than the picture has values."
)
_MATCHING = "Most steps of gradient matching after the recursion."


class ClosedForm(AttackSettings):
    """What every recursion has. through_masks: whether it goes on from a ReLU's mask, for which a recursion with
    reads_last_bias needs a bias in the last layer. dense_only: whether it goes through dense layers alone. pooled: whether
    it begins at a mean over positions and may end at max pooling, as `settings.residual_chain` has it. walks: whether it goes
    through the layers one by one. mixes: whether it gives one mixture of a batch's pictures. reads_loss: whether it begins at
    the loss. fills: whether its dense layers have rank one of one picture, by which cleared values are filled in; a layer that
    many tokens go through has not.
    """

    allows: ClassVar[frozenset[Perturbation]] = KNOWN
    through_masks: ClassVar[bool] = False
    dense_only: ClassVar[bool] = False
    pooled: ClassVar[bool] = False
    walks: ClassVar[bool] = True
    mixes: ClassVar[bool] = True
    reads_loss: ClassVar[bool] = True
    reads_last_bias: ClassVar[bool] = False
    fills: ClassVar[bool] = True
    trials: ClassVar[int] = 1
    iterations: ClassVar[int] = 0

    labels: Literal["infer", "known"] = setting(
        "infer", "Read the label from the update and from what fits, or take it as known.", title="Labels"
    )

    @property
    def refines(self) -> bool:
        """Whether a matching, which allows for more than the equations do, comes after the recursion."""
        return False

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        if not (self.refines or (masked and by == "clearing")):
            return "its equations take every value for exact"
        return super().unmoved(by, masked)


class AnalyticLinear(ClosedForm):
    kind: Literal["analytic_linear"] = "analytic_linear"
    through_masks: ClassVar[bool] = True
    dense_only: ClassVar[bool] = True
    machine: ClassVar[str] = "recursion.analytic:AnalyticLinear"
    title: ClassVar[str] = "Analytic (dense layers)"
    description: ClassVar[str] = (
        "Divides weight gradients by bias gradients, through a chain of dense layers. It is exact for one picture."
    )
    paper: ClassVar[str] = "Geiping et al., Inverting Gradients, NeurIPS 2020, proposition 3.1"
    link: ClassVar[str] = "https://arxiv.org/abs/2003.14053"

    rows: Literal["least_squares", "largest"] = setting(
        "least_squares",
        "Use all rows of the weight gradient, weighted, or only that of the largest bias gradient.",
        title="Rows",
    )


class RGap(ClosedForm):
    kind: Literal["rgap"] = "rgap"
    machine: ClassVar[str] = "recursion.machine:Recursion"
    title: ClassVar[str] = "R-GAP"
    description: ClassVar[str] = (
        "Solves the network's equations layer by layer, from the loss to the picture, without iterations or a starting guess."
    )
    paper: ClassVar[str] = "Zhu and Blaschko, R-GAP: Recursive Gradient Attack on Privacy, ICLR 2021"
    link: ClassVar[str] = "https://arxiv.org/abs/2010.07733"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {"weighting": "published", "root": "small", "labels": "known"},
    }

    weighting: Literal["balanced", "published"] = setting(
        "balanced",
        "How gradient and weight constraints are weighed: by their precision, or as they are, in single precision.",
        title="Weighting",
        basic=True,
    )
    root: Literal["both", "small", "large"] = setting(
        "both",
        "With one logit and no bias the loss may fit two pictures of different brightness: try both, or one of them.",
        title="Root",
    )


class RGapHybrid(RGap):
    kind: Literal["rgap_hybrid"] = "rgap_hybrid"  # type: ignore[assignment]
    machine: ClassVar[str] = "recursion.hybrid:RGapHybrid"
    title: ClassVar[str] = "R-GAP, then matching"
    description: ClassVar[str] = (
        "Solves layer by layer as R-GAP does. Where a layer has too few equations, the result starts a search that uses the"
        " layers below it too."
    )
    paper: ClassVar[str] = "after Zhu and Blaschko, ICLR 2021 (the idea of a hybrid attack)"
    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    total_variation: float = setting(
        1e-4, "Weight of total variation in the matching.", title="Total variation", ge=0, le=100
    )
    total_variation_rounds: int = setting(25, _ROUNDS, title="Smoothing rounds", ge=0, le=200)
    matching: int = setting(200, _MATCHING, title="Matching steps", ge=0, le=10_000, basic=True)

    @property
    def refines(self) -> bool:
        return self.matching > 0


class Peeling(ClosedForm):
    kind: Literal["peeling"] = "peeling"
    through_masks: ClassVar[bool] = True
    reads_last_bias: ClassVar[bool] = True
    machine: ClassVar[str] = "recursion.peeling:Peeling"
    title: ClassVar[str] = "Peeling"
    description: ClassVar[str] = (
        "Solves layer by layer as R-GAP does, for ReLU and smooth networks of any number of classes, and refines the picture"
        " with Levenberg-Marquardt."
    )
    paper: ClassVar[str] = "this project"

    mask_tolerance: float | None = setting(
        None, "A ReLU unit is inactive below this share of the largest; empty: whichever fits the layer below.",
        title="Mask tolerance", gt=0, lt=1,
    )  # fmt: skip
    total_variation_rounds: int = setting(25, _ROUNDS, title="Smoothing rounds", ge=0, le=200)
    matching: int = setting(10, _MATCHING, title="Matching steps", ge=0, le=1000, basic=True)

    @property
    def refines(self) -> bool:
        return self.matching > 0


class ResidualRecursion(ClosedForm):
    kind: Literal["residual"] = "residual"
    through_masks: ClassVar[bool] = True
    reads_last_bias: ClassVar[bool] = True
    pooled: ClassVar[bool] = True
    machine: ClassVar[str] = "recursion.residual.machine:ResidualMachine"
    title: ClassVar[str] = "Residual recursion"
    description: ClassVar[str] = (
        "Solves a ResNet block by block, trained or not and without the label, from the mean before the last layer down to"
        " where its equations run out, and searches the picture from there."
    )
    paper: ClassVar[str] = "this project"

    annealing: int = setting(
        100, "Most iterations at each temperature at which the first layer's pooling is sharpened, four times so at the first.",
        title="Annealing iterations", ge=5, le=2000, basic=True, added=True,
    )  # fmt: skip
    rounds: int = setting(
        6, "Most rounds of robust least squares after the annealing, where every block was exact.",
        title="Finishing rounds", ge=0, le=100, added=True,
    )  # fmt: skip


class Transformer(ClosedForm):
    kind: Literal["transformer"] = "transformer"
    walks: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    fills: ClassVar[bool] = False
    machine: ClassVar[str] = "recursion.transformer.machine:TransformerMachine"
    title: ClassVar[str] = "Transformer patches"
    description: ClassVar[str] = (
        "Solves for a vision transformer's patches from the gradients of its positions or first attention, without the label:"
        " one picture behind any number of SGD steps, or a few pictures of one gradient."
    )
    paper: ClassVar[str] = "this project, after Lu et al., APRIL, CVPR 2022"
    link: ClassVar[str] = "https://arxiv.org/abs/2112.14087"

    rounds: int = setting(
        4, "Rounds of smoothing by total variation, of what the equations or noise leave open.", title="Smoothing rounds",
        ge=0, le=100, added=True,
    )  # fmt: skip

    weight_decay: Literal["known", "searched"] = setting(
        "known", "Whether the server knows the client's weight decay, or searches for the one that fits one picture's equations.",
        title="Weight decay", added=True,
    )  # fmt: skip

    search: int = setting(
        0, "Most steps of a search for pictures that the equations do not tell apart, among those that they allow (0: a preview alone);"
        " pictures that were told apart are finished by it."
        " It needs labels and takes seconds a step on a small network.", title="Search steps", ge=0, le=10_000, added=True,
    )  # fmt: skip

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        if masked and by == "clearing":
            return None
        return "it reads the size of noise off the update itself, whatever is known of a defense"
