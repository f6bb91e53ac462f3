"""What the client does in its round, what it shares, and where its weights come from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.settings.base import Settings, setting
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.client_base import Client
from gi_core.settings.client_steps import Stepping

Sent = Literal["gradient", "weight_change"]
FEDAVG = "McMahan et al., Communication-Efficient Learning, AISTATS 2017"


class FedSgd(Client):
    kind: Literal["fedsgd"] = "fedsgd"
    title: ClassVar[str] = "One gradient (FedSGD)"
    description: ClassVar[str] = "The client computes one gradient on its pictures and sends it."
    paper: ClassVar[str] = FEDAVG
    sends: ClassVar[Sent] = "gradient"
    clients: ClassVar[int] = 1
    batch_size: ClassVar[int | None] = None


class FedAvg(Stepping):
    kind: Literal["fedavg"] = "fedavg"
    title: ClassVar[str] = "Weight change (FedAvg)"
    description: ClassVar[str] = "The client trains for some steps and sends how its weights changed."
    paper: ClassVar[str] = FEDAVG
    sends: ClassVar[Sent] = "weight_change"

    epochs: int = setting(1, "Passes over the client's pictures.", title="Epochs", ge=1, le=50, basic=True)
    batch_size: int | None = setting(
        None, "Pictures in a step; all of them when empty.", title="Batch size", ge=1, le=4096, basic=True
    )
    steps: int | None = setting(
        None, "End the round after this many steps; after its epochs when empty.", title="Most steps", ge=1, le=1000
    )
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
        """(steps, pictures in a batch) of the client that has the most of so many pictures, dealt out evenly."""
        each = -(-pictures // self.clients)
        size = min(self.batch_size or each, each)
        steps = self.epochs * self.epoch_steps(each)
        return (steps if self.steps is None else min(steps, self.steps)), size

    def epoch_steps(self, images: int) -> int:
        """Steps of one epoch on so many pictures: batches, `accumulate` to a step."""
        return -(-images // min(self.batch_size or images, images) // self.accumulate)


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
