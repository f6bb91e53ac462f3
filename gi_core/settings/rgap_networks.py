"""The networks that R-GAP was shown on: no biases, leaky ReLU of slope 0.2, one logit."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.network_base import Model

_PAPER = "Zhu and Blaschko, R-GAP: Recursive Gradient Attack on Privacy, ICLR 2021"
SLOPE = 0.2


class RGapModel(Model):
    """One logit and no bias as published; `logits=classes, bias=true` is the variant for cross-entropy."""

    paper: ClassVar[str] = _PAPER

    logits: Literal["one", "classes"] = setting(
        "one", "One logit for two classes, as published, or one for each class.", title="Outputs", basic=True
    )
    bias: bool = setting(False, "A bias in the last layer.", title="Last bias")

    @property
    def one_logit(self) -> bool:
        return self.logits == "one"


class Cnn6(RGapModel):
    kind: Literal["cnn6"] = "cnn6"
    title: ClassVar[str] = "CNN6 (R-GAP)"
    description: ClassVar[str] = "Six convolutions without bias and one logit: every layer can be inverted exactly."
    min_size: ClassVar[int] = 4
    second: ClassVar[int] = 36


class Cnn6D(Cnn6):
    kind: Literal["cnn6_d"] = "cnn6_d"  # type: ignore[assignment]
    title: ClassVar[str] = "CNN6-d (R-GAP)"
    description: ClassVar[str] = "CNN6 with 20 channels in its second layer, which leaves that layer rank-deficient."
    second: ClassVar[int] = 20


class Fcn3(RGapModel):
    kind: Literal["fcn3"] = "fcn3"
    title: ClassVar[str] = "FCN3 (R-GAP)"
    description: ClassVar[str] = "Dense layers of 1000, 100 and 1 without bias, leaky ReLU after all three."
