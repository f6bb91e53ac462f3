"""Attacks that search with second-order steps, as settings."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.attack_base import KNOWN, START_HELP, Iterative, Start
from gi_core.settings.base import setting
from gi_core.settings.defense_base import Perturbation


class LevenbergMarquardt(Iterative):
    kind: Literal["levenberg_marquardt"] = "levenberg_marquardt"
    typical: ClassVar[int | None] = 10
    machine: ClassVar[str] = "second_order.levenberg_marquardt:KrylovLM"
    title: ClassVar[str] = "Levenberg-Marquardt"
    description: ClassVar[str] = (
        "Searches with second-order steps for a picture that explains the update, and reads the label from the update itself."
        " It is precise on smooth networks, trained ones too."
    )
    paper: ClassVar[str] = "this project"
    allows: ClassVar[frozenset[Perturbation]] = KNOWN
    stacks: ClassVar[bool] = True

    iterations: int = setting(60, "Most outer steps of one start.", title="Iterations", ge=1, le=10_000, basic=True)
    restarts: int | None = setting(
        4, "Fresh starts when the residual shows that a start failed.", title="Restarts", ge=0, le=1000
    )
    labels: Literal["observed_delta", "known", "auto", "idlg", "bias_sign", "row_sum", "iterative"] = setting(
        "observed_delta",
        "Where the labels come from; observed delta needs one picture and a last layer with bias, auto reads a batch's too.",
        title="Labels",
        basic=True,
    )
    total_variation: float = setting(
        0.0, "Weight of total variation in the normalised objective.", title="Total variation", ge=0, le=100, basic=True
    )
    tikhonov: float = setting(0.0, "Weight of the distance from the start.", title="Tikhonov", ge=0, le=100)
    krylov: int = setting(200, "Most Lanczos vectors of one step.", title="Lanczos vectors", ge=5, le=2000)
    tolerance: float = setting(
        1e-6, "A start has failed when its relative squared residual stays above this.",
        title="Residual that certifies", gt=0, le=1,
    )  # fmt: skip
    start: Start = setting("uniform", START_HELP, title="Start")

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        if by == "rescaling" and self.labels == "observed_delta":
            return "it matches the update over its own last bias, in which a common factor cancels"
        return super().unmoved(by, masked)
