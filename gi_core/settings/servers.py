"""What the server sends to its clients: the network as it is, or one that it has changed so that more comes back."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.settings.base import Component, setting

MOST_CLASS = 2**31 - 1


class Server(Component):
    """changes: whether clients get another network than the one that the federation trains."""

    changes: ClassVar[bool] = False


class Honest(Server):
    kind: Literal["honest"] = "honest"
    title: ClassVar[str] = "Honest"
    description: ClassVar[str] = "The server sends the network as it is and reads what comes back."


class Fishing(Server):
    """Row w of class c in the last dense layer stays, all other rows and biases are 0, and b_c = -tau: then
    dL/dh = -w / B for the pictures of class c and next to 0 for all others.
    """

    kind: Literal["fishing"] = "fishing"
    changes: ClassVar[bool] = True
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


AnyServer = Annotated[Honest | Fishing, Field(discriminator="kind")]
