"""What the client does in its round, what it shares, and where its weights come from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.spec.base import Component, Settings, setting
from gi_core.spec.bounds import MAX_BATCH

FEDAVG = "McMahan et al., Communication-Efficient Learning, AISTATS 2017"


class Client(Component):
    """What every client has: how batch norm runs, what is shared, what the server is told."""

    batch_norm: Literal["eval", "train"] = setting(
        "eval",
        "Batch norm uses stored statistics (eval) or those of the client's own batch (train).",
        title="Batch norm mode",
        basic=True,
    )
    statistics: Literal["withheld", "shared"] = setting(
        "withheld",
        "Whether the running statistics of batch norm, after the round, are sent with the update (train mode only).",
        title="Batch norm statistics",
        basic=True,
    )
    loss: Literal["auto", "cross_entropy", "logistic", "mse"] = setting(
        "auto",
        "What the client minimises: cross-entropy, logistic (one output), or squared error; auto: by the number of outputs.",
        title="Loss",
    )
    label: Literal["true", "reversed"] = setting(
        "true",
        "The client's label for a network of one output: the true one, or the one that the network gets wrong, as in"
        " R-GAP's published demonstration.",
        title="Label of one output",
    )
    labels_known: bool = setting(
        True, "Whether an attack may be told the labels, if it asks for them.", title="Server knows the labels"
    )


class FedSgd(Client):
    kind: Literal["fedsgd"] = "fedsgd"
    title: ClassVar[str] = "One gradient (FedSGD)"
    description: ClassVar[str] = "The client computes one gradient on its pictures and sends it."
    paper: ClassVar[str] = FEDAVG


class FedAvg(Client):
    kind: Literal["fedavg"] = "fedavg"
    title: ClassVar[str] = "Weight change (FedAvg)"
    description: ClassVar[str] = "The client trains for some steps and sends how its weights changed."
    paper: ClassVar[str] = FEDAVG

    epochs: int = setting(1, "Passes over the client's pictures.", title="Epochs", ge=1, le=50, basic=True)
    batch_size: int | None = setting(
        None, "Pictures in a step; all of them when empty.", title="Batch size", ge=1, le=4096, basic=True
    )
    steps: int | None = setting(
        None, "End the round after this many steps; after its epochs when empty.", title="Most steps", ge=1, le=1000
    )
    learning_rate: float = setting(1e-2, "Step size of the client.", title="Learning rate", gt=0, le=10, basic=True)
    optimiser: Literal["sgd", "adam"] = setting("sgd", "How the client steps.", title="Optimiser")
    momentum: float = setting(0.0, "Of SGD.", title="Momentum", ge=0, lt=1)
    shuffle: bool = setting(True, "Whether each epoch has an order of its own.", title="Shuffled")
    clients: int = setting(
        1,
        "Clients whose changes are averaged before the server sees them (secure aggregation); the pictures are dealt"
        " out evenly among them.",
        title="Clients added up",
        ge=1,
        le=MAX_BATCH,
    )
    schedule_known: bool = setting(
        True,
        "Whether the server knows epochs and batch size. If not, it reads the number of steps from batch norm's counter,"
        " where statistics are shared, and takes the round for one epoch.",
        title="Server knows the schedule",
    )

    def local_steps(self, pictures: int) -> tuple[int, int]:
        """(steps, pictures in a step) of the client that has the most of so many pictures, dealt out evenly."""
        each = -(-pictures // self.clients)
        size = min(self.batch_size or each, each)
        steps = self.epochs * -(-each // size)
        return (steps if self.steps is None else min(steps, self.steps)), size


AnyClient = Annotated[FedSgd | FedAvg, Field(discriminator="kind")]


class Fresh(Settings):
    """Weights as initialised."""

    kind: Literal["fresh"] = "fresh"


class FromFile(Settings):
    """Weights read from a `.safetensors` file, or a `.pt` state dict with `weights_only=True`.

    path: a file on this machine (command line) or `upload:<sha256>` (browser).
    """

    kind: Literal["file"] = "file"
    path: str = setting("", "The file, or upload:<sha256> for a file given through the page.", min_length=1)


class Trained(Settings):
    """The network trained here on the sample's own data set, cached."""

    kind: Literal["trained"] = "trained"
    epochs: int = setting(10, "Passes over the training pictures.", title="Epochs", ge=1, le=200, basic=True)
    data: str | None = setting(
        None,
        "Data set to train on (mnist, cifar10, bundled, npz:FILE, folder:PATH); the sample's own when empty.",
        title="Training data",
    )
    learning_rate: float = setting(3e-3, "Adam's step size.", title="Learning rate", gt=0, le=1)
    batch_size: int = setting(64, "Pictures in a step.", title="Batch size", ge=1, le=4096)
    seed: int = setting(0, "Seed of the order of pictures.", title="Training seed", ge=0, le=2**31 - 1)


class Pretrained(Settings):
    """ImageNet weights of a torchvision network, fetched on request."""

    kind: Literal["imagenet"] = "imagenet"


AnyWeights = Annotated[Fresh | FromFile | Trained | Pretrained, Field(discriminator="kind")]
