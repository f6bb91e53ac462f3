"""What the client does in its round, what it shares, and where its weights come from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.spec.base import Component, Settings, setting


class FedSgd(Component):
    kind: Literal["fedsgd"] = "fedsgd"
    title: ClassVar[str] = "One gradient (FedSGD)"
    description: ClassVar[str] = "The client computes one gradient on its pictures and sends it."
    paper: ClassVar[str] = "McMahan et al., Communication-Efficient Learning, AISTATS 2017"

    batch_norm: Literal["eval", "train"] = setting(
        "eval",
        "Batch norm uses stored statistics (eval) or those of the client's own batch (train).",
        title="Batch norm mode",
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


AnyClient = FedSgd  # the union of rounds: a second kind makes this a discriminated union


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
