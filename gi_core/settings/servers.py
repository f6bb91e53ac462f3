"""What the server sends to its clients: the network as it is, or one that it has changed so that more comes back."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.settings.base import Component, setting

MOST_CLASS, MOST_BINS = 2**31 - 1, 4096


class Server(Component):
    """changes: whether clients get another network than the one that the federation trains. asks: in a sentence, what it changed it
    for.
    """

    changes: ClassVar[bool] = False

    @property
    def asks(self) -> str:
        return ""


class Honest(Server):
    kind: Literal["honest"] = "honest"
    title: ClassVar[str] = "Honest"
    description: ClassVar[str] = "The server sends the network as it is and reads what comes back."


class Changing(Server):
    """A server that sends numbers of its own, hidden a little where it likes."""

    changes: ClassVar[bool] = True

    softness: float = setting(
        0.0, "Size of random numbers that the server adds to what it prepared, relative to it, so that a client notices less.",
        title="Softness", ge=0, le=1, added=True,
    )  # fmt: skip


class Fishing(Changing):
    """Row w of class c in the last dense layer stays, all other rows and biases are 0, and b_c = -tau: then
    dL/dh = -w / B for the pictures of class c and next to 0 for all others.
    """

    kind: Literal["fishing"] = "fishing"
    title: ClassVar[str] = "Fishes for a class"
    description: ClassVar[str] = (
        "The server changes numbers in the last layer, so that of a whole batch only the pictures of one class move the"
        " layers before it. An attack then has one picture's gradient."
    )
    paper: ClassVar[str] = "Wen et al., Fishing for User Data in Large-Batch Federated Learning, ICML 2022"
    link: ClassVar[str] = "https://arxiv.org/abs/2202.00580"
    words: ClassVar[dict[str, str]] = {"class": "of_class"}

    of_class: int | None = setting(
        None, "The class that the server fishes for; that of the first picture when empty.", title="Class", basic=True, ge=0,
        le=MOST_CLASS,
    )  # fmt: skip
    tau: float = setting(
        25.0, "How unlikely the class is made: its bias is -tau. 12 where the client computes in 16 bits.", title="Tau", gt=0,
        le=60,
    )  # fmt: skip

    @property
    def asks(self) -> str:
        return "fish for " + ("the first picture's class" if self.of_class is None else f"class {self.of_class}")


class Imprint(Changing):
    """r_j = relu(w x - t_j) in front of the network, with t_j at the quantiles j / k of w x over public pictures: row j of the
    gradient less row j + 1 is of the pictures of one bin.
    """

    kind: Literal["imprint"] = "imprint"
    title: ClassVar[str] = "Asks for pixels"
    description: ClassVar[str] = (
        "The server puts a dense layer of bins in front of the network. A picture that falls alone into its bin comes back exactly,"
        " whatever the network behind."
    )
    paper: ClassVar[str] = (
        "Fowl et al., Robbing the Fed: Directly Obtaining Private Data in Federated Learning, ICLR 2022"
    )
    link: ClassVar[str] = "https://arxiv.org/abs/2110.13057"

    bins: int = setting(
        128, "Bins, equally likely for a picture. Of a batch of B a share of (1 - 1/k)^(B-1) falls alone into one of k.", title="Bins",
        basic=True, ge=4, le=MOST_BINS,
    )  # fmt: skip
    public: Literal["crops", "faces"] = setting(
        "crops", "Public pictures by which the bins are set: crops of the bundled photographs, or faces.", title="Public pictures",
    )  # fmt: skip

    def share(self, pictures: int) -> float:
        """Expected share of a batch that comes back alone."""
        return float((1 - 1 / self.bins) ** (pictures - 1))

    @property
    def asks(self) -> str:
        return f"read single pictures off a layer of {self.bins} bins"


class Trap(Changing):
    """Half of a row's weights are drawn and negative, the others their opposites times a scale below 1, so that few pictures switch
    its unit on: what it sends is then often of one picture alone.
    """

    kind: Literal["trap"] = "trap"
    title: ClassVar[str] = "Sets traps"
    description: ClassVar[str] = (
        "The server changes numbers in the first dense layer, so that each of its units lets few pictures through. A unit that only one"
        " picture of the batch switches on gives that picture away."
    )
    paper: ClassVar[str] = (
        "Boenisch et al., When the Curious Abandon Honesty: Federated Learning Is Not Private, EuroS&P 2023"
    )
    link: ClassVar[str] = "https://arxiv.org/abs/2112.02918"

    through: float = setting(
        0.05, "Share of pictures that a unit lets through, by public ones; about one over the batch.", title="Let through", basic=True,
        gt=0, le=0.5,
    )  # fmt: skip
    public: Literal["crops", "faces"] = setting(
        "crops", "Public pictures by which the scale is set: crops of the bundled photographs, or faces.", title="Public pictures",
    )  # fmt: skip

    @property
    def asks(self) -> str:
        return "read pictures off units that few of them switch on"


AnyServer = Annotated[Honest | Fishing | Imprint | Trap, Field(discriminator="kind")]
