"""What every gradient matching has, and what it is where its kind has no setting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from gi_core.settings.attack_base import KNOWN, Iterative
from gi_core.settings.base import setting
from gi_core.settings.defense_base import Perturbation

SCALE_FREE = ("cosine", "cosine_local")
UNLIKELY = ("cosine_local", "max")
"""Objectives that no law of noise leads to."""
DECODERS = ("deep_image_prior", "generator")
LEFT_OUT: dict[str, Any] = {
    "objective": "l2", "tensors": "all", "weighting": "equal", "gradient_weight": 1.0, "total_variation": 0.0,
    "variation_norms": 0.0, "image_norm": 0.0, "batch_norm_weight": 0.0, "batch_norm_distance": "relative",
    "batch_norm_network": "global", "batch_norm_variance": "unbiased", "classification_weight": 0.0,
    "classification": "fixed", "group_weight": 0.0, "register_group": True, "network_input": "normalised",
    "optimiser": "adam", "betas": "standard", "decay": "none", "noise": 0.0, "signed": False, "boxed": False,
    "filter": "none", "scoring": "loss", "small_gradients": "published",
}  # fmt: skip
"""A matching of the squared distance by Adam, with no term beside it, as class constants of each kind that leaves one out."""


class Matching(Iterative):
    """Attacks that play the client's round on a candidate and compare: any update, any parametrisation.

    The machine reads the settings themselves, and `LEFT_OUT` for what a kind has no setting of. searching: DLG's way,
    L-BFGS until the gradient is matched. judged_by: the term that trials are judged by. own_statistics: whether the
    network's own batch norm statistics stand in for those that a client did not share.
    """

    machine: ClassVar[str] = "matching.machine:GradientMatching"
    allows: ClassVar[frozenset[Perturbation]] = KNOWN
    stacks: ClassVar[bool] = True
    searching: ClassVar[bool] = False
    judged_by: ClassVar[Literal["gradient", "total"]] = "total"
    own_statistics: ClassVar[bool] = False

    if TYPE_CHECKING:  # what a kind has a setting of, and `LEFT_OUT` where it has none

        @property
        def objective(self) -> str: ...
        @property
        def tensors(self) -> str: ...
        @property
        def weighting(self) -> str: ...
        @property
        def gradient_weight(self) -> float: ...
        @property
        def total_variation(self) -> float: ...
        @property
        def variation_norms(self) -> float: ...
        @property
        def image_norm(self) -> float: ...
        @property
        def batch_norm_weight(self) -> float: ...
        @property
        def batch_norm_distance(self) -> str: ...
        @property
        def batch_norm_network(self) -> str: ...
        @property
        def batch_norm_variance(self) -> str: ...
        @property
        def classification_weight(self) -> float: ...
        @property
        def classification(self) -> str: ...
        @property
        def group_weight(self) -> float: ...
        @property
        def register_group(self) -> bool: ...
        @property
        def network_input(self) -> str: ...
        @property
        def optimiser(self) -> str: ...
        @property
        def betas(self) -> str: ...
        @property
        def decay(self) -> str | bool: ...
        @property
        def noise(self) -> float: ...
        @property
        def signed(self) -> bool: ...
        @property
        def boxed(self) -> bool: ...
        @property
        def filter(self) -> str: ...
        @property
        def scoring(self) -> str: ...
        @property
        def small_gradients(self) -> str: ...
        @property
        def learning_rate(self) -> float: ...
        @property
        def start(self) -> str: ...

    rounds: Literal["auto", "simulated", "surrogate"] = setting(
        "auto",
        "How a weight change of several steps is matched: every local step simulated and differentiated, or one gradient"
        " at weights halfway through the round; auto: simulated up to 16 steps.",
        title="Local steps",
    )
    epochs_order: Literal["same", "free"] = setting(
        "same",
        "For several epochs: every epoch takes the pictures in one order, or each in an order of its own, with pictures"
        " of their own that a prior ties together by their mean and spread, which no order changes.",
        title="Order over epochs",
    )
    parametrisation: Literal["pixels", "grey", "deep_image_prior", "generator"] = setting(
        "pixels",
        "What is searched: the pixels, one grey map shown in all channels, the weights of an untrained decoder, or the"
        " codes of a generator file.",
        title="Parametrisation",
    )
    generator: str | None = setting(
        None,
        "Weights of a generator (.safetensors or .pt, transposed convolutions as in DCGAN), or upload:<sha256>.",
        title="Generator file",
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Each kind gets as class constants what it has no setting of."""
        super().__pydantic_init_subclass__(**kwargs)
        for name, value in LEFT_OUT.items():
            if name not in cls.model_fields and not hasattr(cls, name):
                setattr(cls, name, value)

    @property
    def second_order(self) -> bool:
        return self.searching or self.optimiser == "lbfgs"

    @property
    def averages(self) -> bool:
        return self.scoring in ("mean", "median")

    @property
    def step_decay(self) -> str:
        """How the step size changes: `cosine`, `steps` or `none`."""
        return self.decay if isinstance(self.decay, str) else "steps" if self.decay else "none"

    def settled(self, batch_norms: int = 0) -> Self:
        """The settings with every automatic value chosen. batch_norms: layers that take the batch's own statistics.

        A sign and a box are for pixels, and so is the size of a step.
        """
        if self.parametrisation not in DECODERS:
            return self
        chosen = {"signed": False, "boxed": False, "learning_rate": self.learning_rate / 10}
        return self.model_copy(update={k: v for k, v in chosen.items() if k in type(self).model_fields})

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        if by == "rescaling" and self.objective in SCALE_FREE:
            return "it compares directions, which a common factor does not change"
        if by == "noise" and self.objective in UNLIKELY:
            return "its objective has no likelihood under noise"
        return super().unmoved(by, masked)
