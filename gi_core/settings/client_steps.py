"""How a client of FedAvg steps, in torch's own words: optimiser, rate, what is done to each step's gradient."""

from __future__ import annotations

from typing import Literal

from gi_core.settings.base import setting
from gi_core.settings.client_base import Client


class Stepping(Client):
    """How a client steps; every field means what `torch.optim`, `torch.optim.lr_scheduler` and `torch.nn.utils.clip_grad_*` say."""

    learning_rate: float = setting(1e-2, "Step size of the client.", title="Learning rate", gt=0, le=10, basic=True)
    optimiser: Literal["sgd", "adam", "adamw"] = setting(
        "sgd",
        "How the client steps: SGD, Adam, or AdamW, whose weight decay is no part of the gradient.",
        title="Optimiser",
    )
    momentum: float = setting(0.0, "Momentum of SGD.", title="Momentum", ge=0, lt=1)
    dampening: float = setting(
        0.0, "Share of each gradient that SGD's momentum leaves out.", title="Dampening", ge=0, le=1, added=True
    )
    nesterov: bool = setting(False, "Whether SGD's momentum takes Nesterov's form.", title="Nesterov", added=True)
    weight_decay: float = setting(
        0.0, "Share of the weights that is added to each gradient (SGD, Adam) or taken off them in each step (AdamW).",
        title="Weight decay", ge=0, le=10, added=True,
    )  # fmt: skip
    beta1: float = setting(
        0.9, "How long Adam remembers the mean of gradients.", title="Adam's beta 1", ge=0, lt=1, added=True
    )
    beta2: float = setting(
        0.999, "How long Adam remembers the mean of their squares.", title="Adam's beta 2", ge=0, lt=1, added=True
    )
    epsilon: float = setting(
        1e-8, "What Adam adds to the root in its denominator.", title="Adam's epsilon", gt=0, le=1, added=True
    )
    decay: Literal["none", "step", "exponential", "cosine", "linear"] = setting(
        "none", "How the learning rate changes: torch's StepLR, ExponentialLR, CosineAnnealingLR or LinearLR.",
        title="Rate schedule", added=True,
    )  # fmt: skip
    decay_factor: float = setting(
        0.1,
        "For step and exponential: the factor at each fall. For cosine and linear: the last rate, as a share of the learning rate.",
        title="Rate factor", ge=0, le=10, added=True,
    )  # fmt: skip
    decay_start: float = setting(
        1.0, "For linear: the first rate, as a share of the learning rate; below one it warms up.", title="First rate", gt=0,
        le=1, added=True,
    )  # fmt: skip
    decay_period: int | None = setting(
        None,
        "Steps or epochs between falls (step) or over which the rate changes (cosine, linear); when empty 1 for step,"
        " else the whole round.",
        title="Rate period",
        ge=1,
        le=100_000,
        added=True,
    )
    decay_every: Literal["step", "epoch"] = setting(
        "step", "Whether the rate changes after each step or after each epoch.", title="Rate changes each", added=True
    )
    clip_norm: float | None = setting(
        None, "Longest gradient of a step (clip_grad_norm_), over all weights; not clipped when empty.",
        title="Clip the norm", gt=0, le=1e9, added=True,
    )  # fmt: skip
    clip_value: float | None = setting(
        None, "Largest value in the gradient of a step (clip_grad_value_); not clipped when empty.",
        title="Clip values", gt=0, le=1e9, added=True,
    )  # fmt: skip
    accumulate: int = setting(
        1,
        "Batches before each step: the mean of their gradients is taken, and an epoch's last step takes what is left.",
        title="Accumulated batches", ge=1, le=1000, added=True,
    )  # fmt: skip
