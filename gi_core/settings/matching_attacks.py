"""DLG, iDLG and Inverting Gradients: matchings of one gradient, as settings."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from gi_core.settings.attack_base import LABELS_HELP, START_HELP, AnyStart, Labels, Start
from gi_core.settings.base import setting
from gi_core.settings.fl_attacks import BN_HELP
from gi_core.settings.matching_base import Matching


class Dlg(Matching):
    kind: Literal["dlg"] = "dlg"
    title: ClassVar[str] = "DLG"
    description: ClassVar[str] = (
        "Searches with L-BFGS for a picture and a label whose gradient is the one that was sent. It works on small smooth"
        " networks."
    )
    paper: ClassVar[str] = "Zhu et al., Deep Leakage from Gradients, NeurIPS 2019"
    link: ClassVar[str] = "https://arxiv.org/abs/1906.08935"
    searching: ClassVar[bool] = True
    typical: ClassVar[int | None] = 100
    judged_by: ClassVar[Literal["gradient", "total"]] = "gradient"

    trials: int = setting(
        4,
        "Independent starts, judged by the attacker's own loss; the next begins when those before it fail to fall."
        " 1 is the published algorithm.",
        title="Trials",
        ge=1,
        le=64,
        basic=True,
    )
    iterations: int = setting(
        300, "Most L-BFGS steps (each of at most 20 inner iterations).", title="Iterations", ge=1, le=100_000,
        basic=True,
    )  # fmt: skip
    labels: Labels = setting("joint", LABELS_HELP, title="Labels")
    learning_rate: float = setting(1.0, "L-BFGS step length.", title="Step length", gt=0, le=10)
    inner: int = setting(20, "Inner iterations of one L-BFGS step.", title="Inner iterations", ge=1, le=100)
    history: int = setting(100, "Pairs that L-BFGS remembers.", title="History", ge=1, le=500)
    stop_loss: float = setting(1e-6, "Stop a trial when the gradient distance falls below this.", title="Stop at", ge=0)
    small_gradients: Literal["auto", "published", "observed_delta"] = setting(
        "auto",
        "When |g*| < 1, L-BFGS's absolute tolerances end the search too soon: go on as published, or read"
        " dL/dlogits from the last bias gradient and match on its scale; auto does so with several trials.",
        title="Small gradients",
    )
    start: Start = setting("randn", START_HELP, title="Start")
    precision: Literal["float32", "float64"] = setting("float32", "Arithmetic of the attack.", title="Precision")

    def settled(self, batch_norms: int = 0) -> Self:
        """The settings with automatic values chosen; the step length is that of L-BFGS, whatever is searched."""
        if self.small_gradients != "auto":
            return self
        return self.model_copy(update={"small_gradients": "published" if self.trials == 1 else "observed_delta"})


class Idlg(Dlg):
    kind: Literal["idlg"] = "idlg"  # type: ignore[assignment]
    title: ClassVar[str] = "iDLG"
    description: ClassVar[str] = (
        "Reads the label from the last layer's gradient, then searches for the picture as DLG does."
    )
    paper: ClassVar[str] = "Zhao et al., iDLG: Improved Deep Leakage from Gradients, 2020"
    link: ClassVar[str] = "https://arxiv.org/abs/2001.02610"

    labels: Labels = setting("idlg", LABELS_HELP, title="Labels")


class InvertingGradients(Matching):
    kind: Literal["inverting_gradients"] = "inverting_gradients"
    title: ClassVar[str] = "Inverting Gradients"
    description: ClassVar[str] = (
        "Searches with Adam for a smooth picture whose gradient points in the same direction as the one that was sent. It"
        " works on many networks, trained and ReLU ones too."
    )
    paper: ClassVar[str] = "Geiping et al., Inverting Gradients, NeurIPS 2020"
    link: ClassVar[str] = "https://arxiv.org/abs/2003.14053"
    judged_by: ClassVar[Literal["gradient", "total"]] = "gradient"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "default": {"iterations": 4800, "total_variation": 1e-4, "start": "randn"},
        "paper": {"iterations": 24000, "total_variation": 1e-4, "start": "randn"},
        "notebook": {"iterations": 4000, "total_variation": 1e-6, "start": "randn"},
        "imagenet": {"iterations": 24000, "total_variation": 1e-1, "trials": 8, "start": "randn"},
        "imagenet_untrained": {
            "iterations": 24000, "total_variation": 1e-6, "tensors": "top10", "filter": "median", "trials": 4, "start": "randn",
        },
        "batch": {"iterations": 24000, "total_variation": 1e-2, "trials": 4, "labels": "known", "start": "randn"},
        "zhu": {
            "objective": "l2", "optimiser": "lbfgs", "signed": False, "boxed": False, "decay": False, "iterations": 300,
            "total_variation": 1e-4, "start": "randn",
        },
    }  # fmt: skip

    iterations: int = setting(4800, "Most iterations.", title="Iterations", ge=1, le=100_000, basic=True)
    total_variation: float = setting(
        1e-2, "Weight of total variation, in normalised units.", title="Total variation", ge=0, le=100, basic=True
    )
    learning_rate: float = setting(0.1, "Step size of the optimiser.", title="Step size", gt=0, le=10, basic=True)
    objective: Literal["cosine", "cosine_local", "l2", "l1", "max"] = setting(
        "cosine",
        "Distance of gradients: one global cosine, a cosine per tensor, squared, absolute, or largest.",
        title="Objective",
    )
    tensors: Literal[
        "all", "first4", "first5", "first10", "first50", "last5", "last10", "last50", "top1", "top4", "top10", "top50", "random8",
    ] = setting(
        "all",
        "Which tensors of the update are matched: all, first or last in order, largest by norm, or eight drawn anew each time.",
        title="Tensors",
    )  # fmt: skip
    weighting: Literal["equal", "linear", "exponential"] = setting(
        "equal", "Weight of a tensor by its depth.", title="Weighting"
    )
    optimiser: Literal["adam", "sgd", "lbfgs"] = setting(
        "adam", "Adam, SGD with Nesterov momentum, or L-BFGS.", title="Optimiser"
    )
    signed: bool = setting(True, "Use only the sign of the picture's gradient.", title="Signed")
    boxed: bool = setting(True, "Keep pixels in range after each step.", title="Boxed")
    decay: bool = setting(
        True, "Divide the step size by ten at 3/8, 5/8 and 7/8 of the iterations.", title="Step decay"
    )
    labels: Labels = setting("auto", LABELS_HELP, title="Labels", basic=True)
    batch_norm_weight: float = setting(
        0.1, BN_HELP + " Without them it has no effect.", title="Batch norm", ge=0, le=1e6
    )
    start: AnyStart = setting(
        "auto",
        START_HELP + " auto: grey for one picture (0.3 dB better than the published randn), randn for several,"
        " which must start apart.",
        title="Start",
    )
    filter: Literal["none", "median"] = setting("none", "3x3 median filter every 500 iterations.", title="Filter")
    scoring: Literal["loss", "total_variation", "inception", "mean", "median"] = setting(
        "loss",
        "How the answer is chosen among trials: least loss, least variation, least entropy of ImageNet's Inception-v3,"
        " or the pixelwise mean or median of all.",
        title="Scoring",
    )
    precision: Literal["float32", "float64"] = setting("float32", "Arithmetic of the attack.", title="Precision")
