"""What every client has: how batch norm runs, what is shared, what it minimises, what the server knows."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import field_validator

from gi_core.settings.base import Component, setting

MOST_CLASSES = 1000
"""Most classes whose weights, or further labels, a text can give."""
SENDS_NOTHING = "the client sends nothing"
"""How it is said of a client that refuses a network: the end of such a run is an answer, and no failure."""


class Client(Component):
    """Settings of FedSGD and FedAvg alike. The loss is torch's own: see `networks.losses`."""

    batch_norm: Literal["eval", "train"] = setting(
        "eval", "Batch norm uses stored statistics (eval) or those of the client's own batch (train).",
        title="Batch norm mode", basic=True,
    )  # fmt: skip
    statistics: Literal["withheld", "shared"] = setting(
        "withheld",
        "Whether the running statistics of batch norm, after the round, are sent with the update (train mode only).",
        title="Batch norm statistics",
        basic=True,
    )
    loss: Literal["auto", "cross_entropy", "logistic", "mse", "multi_label"] = setting(
        "auto",
        "What the client minimises: cross-entropy, logistic (one output), squared error, or multi_label (binary"
        " cross-entropy of every class, for pictures with several labels); auto: by the number of outputs.",
        title="Loss",
    )
    own_loss: str = setting(
        "", "A loss that a Python program holds (gi.attack, gi.client), in place of one of these.", title="Loss of one's own",
        added=True,
    )  # fmt: skip
    label: Literal["true", "reversed"] = setting(
        "true",
        "The client's label for a network of one output: the true one, or the one that the network gets wrong, as in"
        " R-GAP's published demonstration.",
        title="Label of one output",
    )
    labels_known: bool = setting(
        True,
        "Whether the server knows the labels, and an attack that asks for them gets them.",
        title="Server knows the labels",
    )
    refuses: bool = setting(
        False, "The client looks at the network before it trains, and sends nothing where that asks for single pictures.",
        title="Refuses suspicious networks", added=True,
    )  # fmt: skip
    label_smoothing: float = setting(
        0.0, "Share of each label that is spread over all classes (cross-entropy).", title="Label smoothing", ge=0, lt=1,
        added=True,
    )  # fmt: skip
    class_weights: str = setting(
        "",
        "Weight of every class in the loss, from class 0 on, with slashes between: 1/1/5. All alike when empty. Of"
        " multi_label it is the weight of a label that is there (pos_weight).",
        title="Class weights",
        added=True,
    )
    more_labels: str = setting(
        "",
        "For multi_label: the labels that each picture has besides its own, pictures with slashes between, labels with"
        " plus signs: 1+4//2 gives the first two more, the second none, the third one.",
        title="Further labels",
        added=True,
    )
    reduction: Literal["mean", "sum"] = setting(
        "mean", "Whether the loss is the mean over a batch or its sum.", title="Reduction", added=True
    )
    loss_scale: float = setting(
        1.0, "Factor on the loss that is not taken out again before the client steps or sends.", title="Loss scale", gt=0,
        le=1e9, added=True,
    )  # fmt: skip
    dropout: float = setting(
        0.0,
        "Rate of the dropout in front of the last dense layer while the client trains. The server knows the rate, not"
        " what was dropped.",
        title="Dropout",
        ge=0,
        lt=1,
        added=True,
    )

    trains: Literal["all", "head", "adapter"] = setting(
        "all",
        "What of the network trains and is sent: all, the last dense layer alone (head), or low-rank adapters (LoRA) beside every"
        " dense layer.",
        title="Trains",
        added=True,
    )
    adapter_rank: int = setting(
        4, "Of adapters: the rank r of each.", title="Rank of the adapters", ge=1, le=256, added=True
    )
    adapter_start: Literal["zero", "trained"] = setting(
        "zero",
        "Of adapters: B = 0, as before the first training, or drawn at random, as after some.",
        title="Adapters begin",
        added=True,
    )
    rounds: int = setting(
        1,
        "Rounds in which the client trains on the same pictures. The server has the update of each and knows the network"
        " before it; Levenberg-Marquardt and the attacks that match take all of them together.",
        title="Rounds on the same pictures",
        ge=1,
        le=64,
        added=True,
    )
    server_rate: float | None = setting(
        None,
        "Of several rounds: by how much of what was sent the network moves to the next; when empty, 0.1 of a gradient, all"
        " of a weight change.",
        title="Step between rounds",
        ge=0,
        le=1000,
        added=True,
    )

    @field_validator("class_weights", "more_labels", mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        """A single number is read as one from a command line; null empties the field."""
        if value is None:
            return ""
        if isinstance(value, (list, tuple)) and len(value) <= MOST_CLASSES:
            return "/".join("+".join(map(str, v)) if isinstance(v, (list, tuple)) else str(v) for v in value)
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    @field_validator("class_weights")
    @classmethod
    def _weights_are_numbers(cls, value: str) -> str:
        parts = value.split("/") if value.strip() else []
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            raise ValueError("give numbers with slashes between, such as 1/1/5") from None
        if len(parts) > MOST_CLASSES or not all(0 <= n <= 1e6 and math.isfinite(n) for n in numbers):
            raise ValueError(f"give at most {MOST_CLASSES} numbers from 0 to a million")
        if parts and not any(numbers):
            raise ValueError("at least one class needs a weight above zero")
        return value

    @field_validator("more_labels")
    @classmethod
    def _labels_are_classes(cls, value: str) -> str:
        words = [word for part in value.split("/") for word in part.split("+") if word.strip()]
        if not all(word.strip().isascii() and word.strip().isdigit() and len(word.strip()) < 7 for word in words):
            raise ValueError(
                "give class numbers with plus signs between labels and slashes between pictures, as in 1+4//2"
            )
        return value

    @property
    def weights_of_classes(self) -> tuple[float, ...] | None:
        """The class weights as numbers; None where all classes weigh alike."""
        return tuple(float(part) for part in self.class_weights.split("/")) if self.class_weights.strip() else None

    @property
    def further_labels(self) -> tuple[tuple[int, ...], ...]:
        """The labels that each picture has besides its own."""
        if not self.more_labels.strip():
            return ()
        return tuple(tuple(int(w) for w in part.split("+") if w.strip()) for part in self.more_labels.split("/"))
